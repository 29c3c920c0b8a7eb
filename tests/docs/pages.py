"""Reading the documentation's pages as programs: files to write, commands to run, and what they must print."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(?P<language>\w+)[ \t]*(?P<name>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"exit (\d+)")


@dataclass(frozen=True)
class Block:
    """A fenced block: ``name`` is the file it is to be written to, if it has one."""

    language: str
    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a console block, what it prints (… stands for anything), and its exit code."""

    line: str
    expected: tuple[str, ...]
    exit_code: int


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for match in _BLOCK.finditer((DOCS / page).read_text()):
        yield Block(match["language"], match["name"].strip(), match["text"])


def commands(text: str) -> Iterator[Command]:
    """The commands of a console block: lines after a dollar; what follows is what they print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *rest = part.strip().splitlines()
        ends = [int(found[1]) for last in rest[-1:] if (found := _EXIT.fullmatch(last))]
        yield Command(line, tuple(rest[: len(rest) - len(ends)]), ends[0] if ends else 0)


def follow(page: str, folder: Path, only: str = "") -> int:
    """Do in ``folder`` what a page says, in its order; how many commands that were. ``only`` those that begin so."""
    done = 0
    for block in blocks(page):
        if block.name:
            (folder / block.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.name).write_text(block.text)
        elif block.language == "console":
            for command in commands(block.text):
                if not command.line.startswith(only):
                    continue
                _run(command, folder)
                done += 1
    return done


@dataclass(frozen=True)
class Link:
    """A link of a page to a file beside it, and to a heading in it."""

    target: Path
    heading: str

    def __str__(self) -> str:
        return f"{self.target.name}#{self.heading}"

    def leads(self) -> bool:
        """Whether the file is there, and has the heading."""
        return self.target.exists() and (not self.heading or self.heading in _headings(self.target.read_text()))


def links(page: Path) -> Iterator[Link]:
    """A page's links to other files; those to the outside are not followed."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for to in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in to:
            file, _, heading = to.partition("#")
            yield Link((page.parent / file).resolve() if file else page, heading)


def _headings(text: str) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    found = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def environment() -> dict[str, str]:
    """An environment in which the commands of this virtual environment are found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "PYTEST_"))}
    return {**outside, "PATH": path, "CI": "true"}


def _run(command: Command, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", command.line], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == command.exit_code, f"$ {command.line}\n{done.stdout}{done.stderr}"
    for line in command.expected:
        pattern = ".*?".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        assert re.search(pattern, said), f"$ {command.line}\ndid not print: {line}\n{done.stdout}{done.stderr}"
