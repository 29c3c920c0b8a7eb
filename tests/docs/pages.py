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


def follow(page: str, folder: Path) -> int:
    """Do in ``folder`` what a page says, in its order; how many commands that were."""
    done = 0
    for block in blocks(page):
        if block.name:
            (folder / block.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.name).write_text(block.text)
        elif block.language == "console":
            for command in commands(block.text):
                _run(command, folder)
                done += 1
    return done


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
