from pathlib import Path

from tests.docs.pages import follow


def test_the_tutorial_goes_as_it_says(tmp_path: Path) -> None:
    assert follow("tutorial.md", tmp_path) == 6
    assert (tmp_path / "reports" / "index.html").exists()
