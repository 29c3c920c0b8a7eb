"""Attacks on the harness itself: one of its parts is killed or stopped at a random moment of a run.

    python -m tests.attack.campaign --times 200 --seed 1 > table.md

Whatever happens, a run must not say "pass" (the part was needed) nor "violation" (the function under test is right), it
must end by itself within a bounded time, and nothing of it may remain: no process, folder or shared memory. What a
killed run recorded must be judged honestly, or refused, by ``doorbuster recheck``.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from doorbuster.host.scratch import temporary_base

LIMIT_S = 120
GONE_S = 30
COMMAND = [sys.executable, "-m", "doorbuster"]
SCENARIOS = ("last_item", "typical_order", "network_timeout", "stateful", "small_crowds", "every_message",
             "every_statement", "server_crash")  # fmt: skip
# A scenario of two workers besides those that ship.
TWO_WORKERS = "load"
ARGUMENTS = {TWO_WORKERS: ("load", "--rate", "150", "--duration", "6", "--processes", "2")}
LOADS = ("last_item", "typical_order", "network_timeout")
# How long each goes on, in seconds: where a random moment falls.
ABOUT_S = {"last_item": 3, "stateful": 3, "small_crowds": 3, "every_message": 4, "every_statement": 4,
           "typical_order": 7, "server_crash": 6, "network_timeout": 11, TWO_WORKERS: 7}  # fmt: skip
INTERRUPTED = 130
# Before it has begun, or when all is over, Python ends by the signal itself, which a shell calls 130 as well.
BY_SIGINT = frozenset({INTERRUPTED, -signal.SIGINT})
OUTCOMES = {0: "pass", 1: "VIOLATION", 2: "USAGE", 3: "error", 4: "inconclusive", 5: "SLOW", INTERRUPTED: "interrupted",
            -signal.SIGINT: "interrupted", -signal.SIGKILL: "killed", -signal.SIGTERM: "killed"}  # fmt: skip

Find = Callable[[psutil.Process], list[psutil.Process]]


def _named(*words: str) -> Find:
    """Processes below the harness whose command line holds one of the words."""

    def find(harness: psutil.Process) -> list[psutil.Process]:
        return [p for p in harness.children(recursive=True) if any(word in " ".join(_command(p)) for word in words)]

    return find


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _backends(harness: psutil.Process) -> list[psutil.Process]:
    """The server's processes for its clients."""
    return [p for p in _named("postgres: postgres")(harness) if "idle" not in " ".join(_command(p))]


@dataclass(frozen=True)
class Attack:
    """Whom it hits, with which signals one after the other, and how the run may end besides an error."""

    find: Find
    signals: tuple[int, ...] = (signal.SIGKILL,)
    may_end: frozenset[int] = frozenset({3})
    spares: bool = False  # the run may well go through: the part is not needed for the truth
    scenarios: tuple[str, ...] = SCENARIOS  # in which there is somebody to hit


ATTACKS: Mapping[str, Attack] = {
    "kill Toxiproxy": Attack(_named("toxiproxy-server")),
    "stop Toxiproxy": Attack(_named("toxiproxy-server"), (signal.SIGSTOP,)),
    "kill Postgres": Attack(_named("postgres -D")),
    "kill a backend": Attack(_backends, may_end=frozenset({3, 4}), spares=True),
    "kill Locust": Attack(_named("locust"), scenarios=LOADS),
    "stop Locust": Attack(_named("locust"), (signal.SIGSTOP,), scenarios=LOADS),
    "kill a worker": Attack(_named("--worker"), scenarios=(TWO_WORKERS,)),
    "kill the guardian": Attack(_named("doorbuster.host.guardian"), spares=True),
    "kill the harness": Attack(lambda harness: [harness], may_end=frozenset({-signal.SIGKILL})),
    "SIGINT": Attack(lambda harness: [harness], (signal.SIGINT,), BY_SIGINT),
    "SIGINT twice": Attack(lambda harness: [harness], (signal.SIGINT, signal.SIGINT), BY_SIGINT),
    "SIGTERM": Attack(lambda harness: [harness], (signal.SIGTERM,), frozenset({INTERRUPTED, -signal.SIGTERM})),
}  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How one attacked run ended. ``hit``: there was somebody to hit, while the scenario was still being driven."""

    attack: str
    scenario: str
    moment_s: float
    hit: bool
    exit_code: int | None
    leftovers: tuple[str, ...]
    recheck: int | None
    output: str

    @property
    def problems(self) -> list[str]:
        """What must not be."""
        attack = ATTACKS[self.attack]
        found = [f"left behind: {left}" for left in self.leftovers]
        if self.exit_code is None:
            return [*found, f"did not end within {LIMIT_S} s"]
        # A crash scenario's own server is killed all the time; once more by somebody else is the same fault.
        spares = attack.spares or (self.attack == "kill Postgres" and self.scenario == "server_crash")
        allowed = {3} | attack.may_end | (set() if self.hit and not spares else {0})
        if self.exit_code not in allowed:
            found.append(f"exit {self.exit_code}")
        if self.recheck is not None and self.recheck not in ({0, 2, 3, 4} if 0 in allowed else {2, 3, 4}):
            found.append(f"recheck said {self.recheck}")
        return found


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder that the user who runs Postgres can reach."""
    with tempfile.TemporaryDirectory(dir=temporary_base(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def attack(name: str, scenario: str, moment_s: float, base: Path) -> Ending:
    """Run ``scenario``, strike ``moment_s`` seconds after there is somebody to hit; look what is left in the end."""
    out, temporary, said = base / "reports", base / "tmp", base / "output.txt"
    temporary.mkdir(mode=0o711)
    segments = _segments()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with said.open("wb") as output:
        run = subprocess.Popen(
            [*COMMAND, *ARGUMENTS.get(scenario, ("run", scenario)), "--seed", "1", "--out", str(out)],
            stdout=output, stderr=output, start_new_session=True, env=environment,
        )  # fmt: skip
    harness, family, hit = psutil.Process(run.pid), [], False
    try:
        _await_victim(ATTACKS[name], harness, run)
        time.sleep(moment_s)
        if run.poll() is None:
            family = _family(harness)
            hit = _strike(ATTACKS[name], harness, out / "*" / scenario)
        exit_code = _ended(run)
        leftovers = _left([*family], temporary, segments)
    finally:
        _kill_all([run.pid, *(p.pid for p in family)])
    recheck = _recheck(out) if exit_code == -signal.SIGKILL else None
    return Ending(name, scenario, moment_s, hit, exit_code, leftovers, recheck, said.read_text(errors="replace"))


def _await_victim(what: Attack, harness: psutil.Process, run: "subprocess.Popen[bytes]") -> None:
    while run.poll() is None:
        try:
            if what.find(harness):
                return
        except psutil.Error:
            return
        time.sleep(0.02)


def _strike(what: Attack, harness: psutil.Process, folder: Path) -> bool:
    """Whether somebody was hit before the scenario's record was complete."""
    driven = any(Path(folder.parts[0]).glob(str(Path(*folder.parts[1:]) / "facts.json")))
    try:
        victims = what.find(harness)
    except psutil.Error:
        return False
    for victim in random.sample(victims, min(1, len(victims))):
        for number in what.signals:
            try:
                victim.send_signal(number)
                time.sleep(0.02)
            except psutil.Error:
                return False
    return bool(victims) and not driven


def _family(harness: psutil.Process) -> list[psutil.Process]:
    try:
        return harness.children(recursive=True)
    except psutil.Error:
        return []


def _ended(run: "subprocess.Popen[bytes]") -> int | None:
    try:
        return run.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        return None


def _left(family: list[psutil.Process], temporary: Path, segments: set[str]) -> tuple[str, ...]:
    """What is still there a generous while later."""
    end = time.monotonic() + GONE_S
    while True:
        found = [f"process {' '.join(_command(p))[:80]}" for p in family if _runs(p)]
        found += [f"folder {path}" for path in temporary.glob("doorbuster-*")]
        found += [f"shared memory {name}" for name in _segments() - segments if _is_orphan(name)]
        if not found or time.monotonic() > end:
            return tuple(found)
        time.sleep(0.1)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _segments() -> set[str]:
    listing = Path("/proc/sysvipc/shm")
    return {line.split()[1] for line in listing.read_text().splitlines()[1:]} if listing.exists() else set()


def _is_orphan(segment: str) -> bool:
    """Nobody is attached; other runs on this machine have segments of their own meanwhile."""
    lines = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return any(line[1] == segment and line[6] == "0" for line in lines)


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _recheck(out: Path) -> int | None:
    """What a recheck of the killed run says; None where there is no run."""
    runs = list(out.glob("*/run.json"))
    if not runs:
        return None
    command = [*COMMAND, "recheck", str(runs[0].parent)]
    return subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S).returncode


def campaign(times: int, seed: int, names: list[str]) -> list[Ending]:
    """``times`` attacks, each kind in turn, at random moments of random scenarios."""
    draw, endings = random.Random(seed), []
    for number in range(times):
        name = names[number % len(names)]
        scenario = draw.choice(ATTACKS[name].scenarios)
        with scratch() as base:
            ending = attack(name, scenario, draw.uniform(0, ABOUT_S[scenario]), base)
            if ending.problems:
                kept = Path(tempfile.gettempdir()) / f"attack-{seed}-{number}"
                shutil.copytree(base, kept, dirs_exist_ok=True, ignore_dangling_symlinks=True)
        endings.append(ending)
        told = "did not end" if ending.exit_code is None else OUTCOMES.get(ending.exit_code, str(ending.exit_code))
        problem = f"  PROBLEM: {'; '.join(ending.problems)}" if ending.problems else ""
        print(f"{number}: {name} in {scenario} at {ending.moment_s:.1f} s, {'hit' if ending.hit else 'missed'}: {told}"
              f"{problem}", file=sys.stderr, flush=True)  # fmt: skip
    return endings


def table(endings: list[Ending]) -> str:
    """Attacks by outcome, in Markdown."""
    columns = ["error", "interrupted", "killed", "inconclusive", "pass", "VIOLATION", "SLOW", "USAGE", "did not end"]
    lines = [["attack", "runs", "hit", *columns, "left behind", "problems"]]
    lines.append(["---"] * len(lines[0]))
    for name in dict.fromkeys(e.attack for e in endings):
        mine = [e for e in endings if e.attack == name]
        count = Counter("did not end" if e.exit_code is None else OUTCOMES[e.exit_code] for e in mine)
        left, bad = sum(bool(e.leftovers) for e in mine), sum(bool(e.problems) for e in mine)
        numbers = [len(mine), sum(e.hit for e in mine), *(count[c] for c in columns), left, bad]
        lines.append([name, *(str(n) for n in numbers)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """The campaign; exits 1 if anything was as it must not be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attack", action="append", choices=list(ATTACKS), help="Only these.")
    options = parser.parse_args()
    # A shell starts what is in its background with SIGINT ignored, and every attacked run would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    endings = campaign(options.times, options.seed, options.attack or list(ATTACKS))
    print(table(endings))
    return int(any(e.problems for e in endings))


if __name__ == "__main__":
    sys.exit(main())
