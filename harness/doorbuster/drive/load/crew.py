"""Who of a load's workers is there, ready, done or dead. Decisions only: no messages, no clock of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from doorbuster.host.process_table import ProcessId
from doorbuster.model.clock import Clock

# A worker reports several times a second.
SILENT_S = 10.0


@dataclass(slots=True)
class Worker:
    """One worker; ``process`` is known where it runs beside us.

    ``ended_s``: by then it had ended, for sure; one that is merely silent may go on for all that is known. Instants are
    of whatever clock the crew is told.
    """

    client: str
    number: int
    process: ProcessId | None
    heard_s: float
    host: str = ""
    clock: Clock = field(default_factory=Clock)
    is_ready: bool = False
    is_done: bool = False
    buyers: int = 0
    why_dead: str | None = None
    ended_s: float | None = None


@dataclass(slots=True)
class Crew:
    """The workers of one load, ``size`` of them when complete. Each has a number from 0 up, in order of arrival."""

    size: int
    workers: dict[str, Worker] = field(default_factory=dict)

    def join(self, client: str, host: str, process: ProcessId | None, now_s: float) -> Worker | None:
        """Take up a worker; None where the crew is complete."""
        if client in self.workers:
            return self.workers[client]
        if len(self.workers) >= self.size:
            return None
        worker = Worker(client, len(self.workers), process, now_s, host)
        self.workers[client] = worker
        return worker

    def heard(self, client: str, now_s: float) -> Worker | None:
        """Somebody said something; None: no worker of ours, or one that counts as dead and must not come back."""
        worker = self.workers.get(client)
        if worker is None or worker.why_dead is not None:
            return None
        worker.heard_s = now_s
        return worker

    def bury(self, now_s: float, is_running: Callable[[ProcessId], bool]) -> list[Worker]:
        """Those found dead just now: their process is gone, or they have been silent for too long."""
        found = []
        for worker in self.workers.values():
            if worker.is_done or worker.why_dead is not None:
                continue
            if worker.process is not None and not is_running(worker.process):
                worker.why_dead, worker.ended_s = f"its process {worker.process.pid} is gone", now_s
            elif now_s - worker.heard_s > SILENT_S:
                worker.why_dead = f"nothing was heard of it for {SILENT_S:.0f} s"
            if worker.why_dead is not None:
                found.append(worker)
        return found

    @property
    def alive(self) -> list[Worker]:
        """Those not dead."""
        return [worker for worker in self.workers.values() if worker.why_dead is None]

    @property
    def is_ready(self) -> bool:
        """Whether all are there and have connected their buyers."""
        return len(self.workers) == self.size and all(worker.is_ready for worker in self.workers.values())

    @property
    def is_over(self) -> bool:
        """Whether nobody is at work any more."""
        return len(self.workers) == self.size and all(worker.is_done for worker in self.alive)

    def report(self) -> list[dict[str, Any]]:
        """What the judge has to know of each, in order."""
        return [
            {
                "number": worker.number, "host": worker.host, "buyers": worker.buyers, "dead": worker.why_dead,
                "ended_s": worker.ended_s, "offset_us": worker.clock.offset_us, "error_us": worker.clock.error_us,
            }
            for worker in self.workers.values()
        ]  # fmt: skip
