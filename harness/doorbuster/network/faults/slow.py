"""A slow network."""

from dataclasses import dataclass
from typing import ClassVar

from doorbuster.network.faults.base import BadParameters, Fault, over_touched
from doorbuster.network.probe import Exchange
from doorbuster.network.toxics import STREAMS, Latency, Toxic


@dataclass(frozen=True)
class Slow(Fault):
    """Each way takes ``latency_ms`` ± ``jitter_ms`` longer, so a round trip takes twice that."""

    kind: ClassVar[str] = "slow"
    latency_ms: int = 100
    jitter_ms: int = 0

    def check(self) -> None:
        super().check()
        if self.latency_ms < 1:
            raise BadParameters(f"fault {self.kind}: latency_ms of {self.latency_ms} slows nothing down")
        if self.jitter_ms >= self.latency_ms:
            raise BadParameters(f"fault {self.kind}: jitter_ms is smaller than latency_ms, else there may be no delay")

    def toxics(self) -> tuple[Toxic, ...]:
        return tuple(
            Latency(latency_ms=self.latency_ms, jitter_ms=self.jitter_ms, stream=way, name=self._toxic_name(way))
            for way in STREAMS
        )

    def describe(self) -> str:
        jitter = f" ± {self.jitter_ms} ms" if self.jitter_ms else ""
        return f"{self.latency_ms} ms{jitter} added each way"

    @property
    def least_us(self) -> int:
        """No round trip is faster than this."""
        return 2 * (self.latency_ms - self.jitter_ms) * 1000

    @property
    def proof_sql(self) -> str:
        """Answered attempts wholly inside a window that took at least a slowed round trip."""
        return over_touched(f"""
        , inside as (
            select * from touched a where outcome = 'ok' and exists (
                select 1 from windows w where a.invoked_us >= w.applied_us and a.returned_us <= w.healed_us
            )
        )
        select count(*) filter (duration_us >= {self.least_us}),
               case when count(*) = 0 then 'no attempt was answered wholly inside' else format(
                   '{{}} of {{}} answered attempts took {self.least_us / 1000:g} ms or more, the fastest {{:.1f}} ms',
                   count(*) filter (duration_us >= {self.least_us}), count(*), min(duration_us) / 1000.0::double
               ) end
        from inside
        """)

    def seen_in(self, seen: Exchange) -> bool:
        return seen.ending == "answered" and seen.duration_us >= self.least_us
