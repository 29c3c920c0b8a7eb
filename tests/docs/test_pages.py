"""The pages' files are written, their commands run, and what they promise to print is printed."""

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, commands, follow, links

# Pages that go on where the tutorial ended, and how many commands each has.
CONTINUED = {"ci.md": 6, "pytest.md": 1, "python.md": 1, "own-checks.md": 1, "own-faults.md": 1, "supabase.md": 1,
             "drills.md": 1, "compare.md": 3}  # fmt: skip


def test_the_tutorial_goes_as_it_says(tmp_path: Path) -> None:
    assert follow("tutorial.md", tmp_path) == 6
    assert (tmp_path / "reports" / "index.html").exists()


@pytest.fixture
def finished_tutorial(tmp_path: Path) -> Path:
    """A folder as the tutorial leaves it, without its runs."""
    follow("tutorial.md", tmp_path, only="sed ")
    return tmp_path


@pytest.mark.parametrize(("page", "count"), CONTINUED.items())
def test_a_page_goes_as_it_says(page: str, count: int, finished_tutorial: Path) -> None:
    assert follow(page, finished_tutorial) == count


def test_every_page_with_commands_is_followed() -> None:
    told = {
        path.name for path in DOCS.glob("*.md")
        if any(list(commands(b.text)) for b in blocks(path.name) if b.language == "console")
    }  # fmt: skip
    assert told == {"tutorial.md", *CONTINUED}


def test_every_link_leads_somewhere() -> None:
    pages = [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]
    broken = [f"{page.name}: {link}" for page in pages for link in links(page) if not link.leads()]
    assert broken == []


def test_the_index_lists_every_page() -> None:
    listed = {link.target.name for link in links(DOCS / "README.md")}
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} <= listed
