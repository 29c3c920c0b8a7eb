"""Scripts of statements that make tables: each statement is run as soon as the tables that it reads are there."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter

import duckdb

# Queries that run at the same time: much of a small one's work, such as planning it, is done by one thread.
AT_ONCE = 2
_PART = re.compile(r"(?m)^-- part: ([a-z ]+)$")
_COMMENT = re.compile(r"--[^\n]*")
_VARIABLE = re.compile(r"getvariable\('(\w+)'\)")
_SET = re.compile(r"set variable (\w+) = \((.*)\)\s*;?\s*", re.DOTALL)
_MAKES = re.compile(
    r"(create (?:or replace )?(?:table|view|macro)|insert into|drop (?:table|view)|set variable) ([\w.]+)"
)


@dataclass(frozen=True, slots=True)
class _Statement:
    """``makes`` names what it creates, fills, drops or sets; ``mentions`` are all words that may name what it reads.

    ``is_read_later``: what a view or a macro mentions is read whenever somebody mentions it.
    """

    text: str
    makes: str
    mentions: frozenset[str]
    is_read_later: bool


def parts(text: str) -> dict[str, str]:
    """The parts of a script by the names in its lines ``-- part: NAME``."""
    marks = list(_PART.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {mark[1]: text[mark.end() : end] for mark, end in zip(marks, ends, strict=True)}


class ScriptRunner:
    """Runs scripts over one database: as if one statement after the other, but two at a time where neither needs
    the other.

    A variable that a script sets is put, as its value, into the statements after it, in later scripts, too: views that
    use it mean that value for ever and for everyone. What a view reads is known in later scripts as well.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._lanes = [connection, *(connection.cursor() for _ in range(AT_ONCE - 1))]
        self._values: dict[str, str] = {}
        self._read_with: dict[str, frozenset[str]] = {}

    def run(self, script: str) -> None:
        """Run a script; what still runs is broken off where a statement fails, or the user wants no more.

        Raises:
            duckdb.Error: a statement fails; none is begun after it.
            ValueError: a statement makes nothing that later ones could wait for.
        """
        statements = [_statement(statement.query) for statement in self._lanes[0].extract_statements(script)]
        order = TopologicalSorter(dict(enumerate(_waits(statements, self._read_with))))
        order.prepare()
        free = list(self._lanes)
        ready: list[int] = []
        running: dict[Future[None], tuple[int, duckdb.DuckDBPyConnection]] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool, self._broken_off_on_failure():
            while order.is_active():
                ready = sorted([*ready, *order.get_ready()])
                while ready and free:
                    number, lane = ready.pop(0), free.pop()
                    running[pool.submit(self._run, lane, statements[number].text)] = number, lane
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    number, lane = running.pop(done)
                    done.result()
                    order.done(number)
                    free.append(lane)

    @contextmanager
    def _broken_off_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            for lane in self._lanes:
                lane.interrupt()
            raise

    def _run(self, connection: duckdb.DuckDBPyConnection, text: str) -> None:
        text = _VARIABLE.sub(lambda found: self._values[found[1]], text)
        if found := _SET.fullmatch(text):
            row = connection.execute(f"select ({found[2]})").fetchone()
            self._values[found[1]] = _literal(row[0] if row else None)
        else:
            connection.execute(text)


def _statement(text: str) -> _Statement:
    bare = _COMMENT.sub("", text).strip()
    made = _MAKES.match(bare)
    if made is None:
        raise ValueError(f"a statement of a script that makes nothing: {bare[:100]}")
    how, name = made.groups()
    words = set(re.findall(r"[\w.]+", bare))
    heads = {word.rsplit(".", 1)[0] for word in words}  # of `table.column` the table
    variables = {f"${variable}" for variable in _VARIABLE.findall(bare)}
    makes = f"${name}" if how == "set variable" else name
    return _Statement(bare, makes, frozenset(words | heads | variables), how.endswith(("view", "macro")))


def _waits(statements: Sequence[_Statement], read_with: dict[str, frozenset[str]]) -> Iterator[set[int]]:
    """For each statement those before it that have to be done: that made what it reads, or that read what it makes.

    ``read_with`` tells, and is told, what is read whenever a view or a macro is.
    """
    reads: list[frozenset[str]] = []
    for number, one in enumerate(statements):
        read = one.mentions.union(*(read_with[name] for name in one.mentions if name in read_with))
        yield {
            before for before in range(number)
            if statements[before].makes in read or one.makes in reads[before] or one.makes == statements[before].makes
        }  # fmt: skip
        reads.append(read)
        if one.is_read_later:
            read_with[one.makes] = read


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    raise ValueError(f"a variable of a script is a number or a truth value, not {value!r}")
