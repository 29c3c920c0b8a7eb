"""A good recorded run, corrupted in one place: every corruption that matters is caught."""

import tomllib
from pathlib import Path

import pytest
from doorbuster.model.check import CheckStatus
from doorbuster.model.verdict import Verdict

from tests.judge.histories import violated
from tests.judge.recorded import NAME, corrupted, record

CONTENT = tomllib.loads((Path(__file__).parent / "corruptions.toml").read_text())
CORRUPTIONS = {c["what"]: c for c in CONTENT["corruption"]}
# A break in the chain of a row's states proves that the log was tampered with: nothing is concluded from it.
CHAIN = "the log was not understood"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good recorded run."""
    return record(tmp_path_factory.mktemp("recorded"))


def test_the_run_as_it_was_passes(good: Path, tmp_path: Path) -> None:
    result = corrupted(good, tmp_path / "copy", [])
    assert result.verdict is Verdict.PASS
    assert result.name == NAME


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_corruption_is_caught(good: Path, tmp_path: Path, what: str) -> None:
    corruption = CORRUPTIONS[what]
    result = corrupted(good, tmp_path / "copy", [CONTENT["victims"], corruption["sql"]])
    if corruption["caught_by"] == "chain":
        assert CHAIN in str(result.error)
        assert {check.status for check in result.checks} == {CheckStatus.UNOBSERVABLE}
        assert result.verdict is Verdict.INCONCLUSIVE
    else:
        assert corruption["caught_by"] in violated(result)
        assert result.verdict is Verdict.VIOLATION
