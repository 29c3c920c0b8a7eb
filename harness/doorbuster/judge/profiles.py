"""What a later run is compared with: latencies in the order in which they came, in few bytes, and what surrounded them.

Latencies are counted in bins of 0.1 % width (as in an HDR histogram), block by block of orders that came one after the
other: orders of one moment are alike, so noise is told from blocks of them, not from single ones.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import RootModel, ValidationError

from doorbuster.model.result import RunResult
from doorbuster.record.database import database
from doorbuster.record.seal import quoted

SCHEMA = "doorbuster.baseline/1"
FILE = "baseline.json"
MOST_BLOCKS = 50
ORDERS_A_BLOCK = 20
_PRECISION_BITS = 11

Block = dict[int, int]


class NotABaseline(Exception):
    """A file that holds no baseline, or a folder without one; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase's latencies: ``blocks`` count orders by bin."""

    orders: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One scenario: its phases by name, the checks' statuses, the outcomes of its attempts."""

    verdict: str
    phases: dict[str, Phase]
    checks: dict[str, str]
    outcomes: dict[str, int]

    def blocks(self, phase: str | None) -> list[Block]:
        """The blocks of a phase, or of all of them."""
        return [block for name, one in self.phases.items() if phase in (None, name) for block in one.blocks]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A run, as far as another is compared with it."""

    name: str
    started: str
    scenarios: dict[str, Profile]
    versions: dict[str, str] = field(default_factory=dict)
    schema: str = SCHEMA


def bin_of(us: int) -> int:
    """The bin of a latency in microseconds."""
    shift = max(0, us.bit_length() - _PRECISION_BITS)
    return (shift << _PRECISION_BITS) + (us >> shift)


def value_of(number: int) -> float:
    """The middle of a bin, in milliseconds."""
    shift, part = number >> _PRECISION_BITS, number & ((1 << _PRECISION_BITS) - 1)
    return ((part << shift) + (((1 << shift) - 1) / 2)) / 1000


def baseline_of(folder: Path, result: RunResult) -> Baseline:
    """The baseline that the run in ``folder`` makes."""
    profiles = {
        s.name: Profile(
            s.verdict.value, _phases(folder / s.name), {c.name: c.status.value for c in s.checks}, dict(s.outcomes)
        )
        for s in result.scenarios if s.kind == "load" and (folder / s.name / "attempts.parquet").exists()
    }  # fmt: skip
    versions = {
        **{f"contract {name}": value for name, value in result.contract.items()},
        **{f"PostgreSQL {name}": value for name, value in result.postgres.items()},
        **{f"Toxiproxy {name}": value for name, value in result.toxiproxy.items()},
        **result.environment,
    }
    return Baseline(folder.name, result.started, profiles, versions)


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write it as JSON."""
    path.write_text(json.dumps(asdict(baseline), separators=(",", ":")))


def load_baseline(path: Path) -> Baseline:
    """The baseline in a file, or in a run's folder.

    Raises:
        NotABaseline: neither.
    """
    file = path / FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text())
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise NotABaseline(f"{file}: is no baseline of the form {SCHEMA!r}")
        return RootModel[Baseline].model_validate(content).root
    except FileNotFoundError:
        told = f"{path}: holds no {FILE}; give the folder of a finished run, or that file"
        raise NotABaseline(told) from None
    except (OSError, ValueError, ValidationError) as problem:
        raise NotABaseline(f"{file}: cannot be read: {str(problem).splitlines()[0]}") from None


# As order_results of sql/views.sql, which needs the whole of a run: from when an order was due to its final answer.
_LATENCIES = """
with result as (
    select order_key, min(invoked_us) as invoked_us, max(invoked_us + duration_us) as answered_us,
           any_value(phase) as attempted_in
    from read_parquet({attempts}) group by order_key
)
select coalesce(phase, attempted_in) as phase,
       greatest(0, answered_us - coalesce(due_us, invoked_us)) as us, coalesce(due_us, invoked_us) as at_us
from result left join read_parquet({requests}) using (order_key)"""


def _phases(folder: Path) -> dict[str, Phase]:
    latencies = _LATENCIES.format(
        attempts=quoted(folder / "attempts.parquet"), requests=quoted(folder / "requests.parquet")
    )
    with database() as connection:
        rows = connection.execute(
            f"""
            with placed as (
                select phase, us, row_number() over (partition by phase order by at_us) - 1 as n,
                       count(*) over (partition by phase) as orders
                from ({latencies})
            ), cut as (
                select *, greatest(1, least({MOST_BLOCKS}, orders // {ORDERS_A_BLOCK})) as blocks from placed
            )
            select phase, orders, n * blocks // orders as block, us, count(*) from cut group by all order by 1, 3, 4"""
        )
        found: dict[str, tuple[int, dict[int, Block]]] = {}
        while batch := rows.fetchmany(50_000):
            for phase, orders, block, us, count in batch:
                counts = found.setdefault(phase, (orders, {}))[1].setdefault(block, {})
                number = bin_of(int(us))
                counts[number] = counts.get(number, 0) + count
    return {phase: Phase(orders, tuple(blocks.values())) for phase, (orders, blocks) in found.items()}
