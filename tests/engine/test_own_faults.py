"""Files with faults of a project's own: taken in, or every mistake told with its place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doorbuster.engine.faults import ALL_FAULTS
from doorbuster.engine.own_faults import add_faults
from doorbuster.network.faults import FAULTS

GOOD = """
from dataclasses import dataclass
from typing import ClassVar
from doorbuster.network.faults import Fault
from doorbuster.network.toxics import Latency, Toxic

@dataclass(frozen=True)
class Tired(Fault):
    kind: ClassVar[str] = "tired"
    latency_ms: int = 5

    def toxics(self) -> tuple[Toxic, ...]:
        return (Latency(latency_ms=self.latency_ms, name="tired"),)
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = dict(ALL_FAULTS), dict(FAULTS)
    yield
    for registry, kept in zip((ALL_FAULTS, FAULTS), before, strict=True):
        registry.clear()  # type: ignore[attr-defined]
        registry.update(kept)  # type: ignore[attr-defined]


def added(folder: Path, text: str) -> list[str]:
    (folder / "own.py").write_text(text)
    return [str(mistake).replace(str(folder), "") for mistake in add_faults([str(folder / "own.py")])]


def test_a_good_file_is_taken_in_and_again(tmp_path: Path) -> None:
    assert added(tmp_path, GOOD) == []
    assert added(tmp_path, GOOD.replace("= 5", "= 6")) == []
    assert ALL_FAULTS["tired"].from_parameters({}) == FAULTS["tired"].from_parameters({"latency_ms": 6})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_of_the_kind", "/own.py:1: ModuleNotFoundError"),
        ("x = (", "/own.py:1: SyntaxError"),
        ("x = 1\n\nraise ValueError('no')", "/own.py:3: ValueError: no"),
        ("x = 1", "/own.py: no fault in it"),
        (GOOD.replace('"tired"', '"slow"', 1), "there is a fault called 'slow' already"),
        (GOOD.replace("@dataclass(frozen=True)", ""), "it is no frozen dataclass"),
        (GOOD.replace("def toxics", "def poisons"), "it has neither toxics, nor both apply and heal"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (mistake,) = added(tmp_path, text)
    assert told in mistake
    assert "tired" not in ALL_FAULTS
