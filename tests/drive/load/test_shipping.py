"""A worker's history on its way to the master."""

import zlib
from pathlib import Path

import pytest
from doorbuster.drive.load import shipping


def test_journals_arrive_as_they_were(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    (there / "attempts.1.csv").write_bytes(bytes(range(256)) * 5000)
    (there / "requests.1.csv").write_text("k,c\n")
    (there / "locust.log").write_text("not for the master")
    sent = list(shipping.pieces(there))
    for piece in sent:
        shipping.store(here, piece)
    assert len(sent) == 4
    assert sorted(p.name for p in here.iterdir()) == ["attempts.1.csv", "requests.1.csv"]
    assert all((here / p.name).read_bytes() == (there / p.name).read_bytes() for p in here.iterdir())


def piece(**changes: object) -> dict[str, object]:
    return {"name": "attempts.1.csv", "at": 0, "data": zlib.compress(b"row\n"), **changes}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (piece(name="../attempts.1.csv"), "no journal"),
        (piece(name="run.json"), "no journal"),
        (piece(name="attempts.1.csv\n"), "no journal"),
        (piece(at=4), "begins at 4, not at 0"),
        (piece(data=zlib.compress(bytes(shipping.PIECE_BYTES + 1))), "larger"),
    ],
)
def test_whatever_else_comes_is_refused(tmp_path: Path, bad: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        shipping.store(tmp_path, bad)
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())


def test_a_folder_that_both_see_is_known_by_its_mark(tmp_path: Path) -> None:
    mark = shipping.leave_mark(tmp_path)
    assert shipping.sees_mark(tmp_path, mark)
    assert not shipping.sees_mark(tmp_path, "")
    assert not shipping.sees_mark(tmp_path / "elsewhere", mark)
    shipping.remove_mark(tmp_path)
    assert not shipping.sees_mark(tmp_path, mark)
