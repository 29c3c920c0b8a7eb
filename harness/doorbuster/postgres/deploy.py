"""Deploying a shop's SQL files the way its migrations would be: file by file, statement by statement."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from doorbuster.postgres.brought import Instead, MissingExtension, folded, instead_of, needs_extension
from doorbuster.postgres.connect import connect
from doorbuster.postgres.script import ScriptError, Statement, copy_arguments, decode, first_line, is_copy, statements

STATEMENT_S = 600.0
# Something that is not there: a table, a function, a schema, a type or role, a column.
_UNDEFINED = frozenset(("42P01", "42883", "3F000", "42704", "42703"))
_STUB = "nothing before this line makes it: add a file that does to [schema] files, before this one; a stub is enough"


@dataclass(frozen=True, slots=True)
class DeployMistake:
    """Why a file does not deploy. ``line`` counts from 1; ``sqlstate`` is empty for what the server never saw."""

    file: Path
    line: int
    statement: str
    message: str
    sqlstate: str = ""
    hint: str = ""

    def __str__(self) -> str:
        parts = [f"{self.file}:{self.line}: {self.message}" + (f" ({self.sqlstate})" if self.sqlstate else "")]
        parts += [f"    {self.statement}"] * bool(self.statement) + [f"    hint: {self.hint}"] * bool(self.hint)
        return "\n".join(parts)


class DeployError(Exception):
    """SQL that does not deploy: a user's mistake, not the harness's. ``mistakes`` has all that were found."""

    def __init__(self, mistakes: Sequence[DeployMistake]) -> None:
        super().__init__("\n".join(str(m) for m in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class DeployNotice:
    """A NOTICE or WARNING of the server, with the place of the statement that raised it."""

    file: Path
    line: int
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was deployed."""

    files: tuple[Path, ...]
    statements: int
    notices: tuple[DeployNotice, ...]


async def deploy_files(dsn: str, files: Sequence[Path]) -> Deployment:
    """Runs the files in order, each over a fresh connection, each statement on its own.

    A dump's leftovers, such as an empty search_path, so reach no other file, and CREATE INDEX CONCURRENTLY works as
    well as BEGIN … COMMIT.

    Raises:
        DeployError: with the unreadable and unparsable files, all of them and before anything runs; else with the
            first statement that the server refuses.
        OSError, TimeoutError, asyncpg.PostgresError: no connection.
    """
    scripts = _read_all(files)
    notices: list[DeployNotice] = []
    try:
        for file, script in scripts:
            await _deploy_file(dsn, file, script, notices.append)
    except _Lacking as lacking:
        raise DeployError([lacking.mistake(scripts)]) from None
    return Deployment(tuple(files), sum(len(script) for _, script in scripts), tuple(notices))


def _read_all(files: Sequence[Path]) -> list[tuple[Path, list[Statement]]]:
    scripts, mistakes = [], []
    for file in files:
        try:
            scripts.append((file, statements(decode(file.read_bytes()))))
        except OSError as error:
            mistakes.append(DeployMistake(file, 1, "", f"cannot be read: {error.strerror}"))
        except ScriptError as error:
            sqlstate = "42601" if error.statement else ""
            mistakes.append(DeployMistake(file, error.line, error.statement, error.message, sqlstate, error.hint))
    if mistakes:
        raise DeployError(mistakes)
    return scripts


class _Lacking(Exception):
    """An extension that is missing, and the statement that asks for it."""

    def __init__(self, file: Path, statement: Statement, name: str) -> None:
        super().__init__(name)
        self._file, self._statement, self._name = file, statement, name

    def mistake(self, scripts: Sequence[tuple[Path, list[Statement]]]) -> DeployMistake:
        """What to tell: what needs it, too."""
        found = [
            f"{file.name}:{statement.line_at(match.start() + 1)} ({match[0]})"
            for file, script in scripts
            for statement in script
            if statement is not self._statement and (match := needs_extension(self._name, statement.sql))
        ]
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        needed = f"; needed by {', '.join(found[:3])}{more}" if found else "; nothing in these files seems to need it"
        cure = "name a server that has it (--postgres docker:IMAGE, or --pg-bin), or put stubs for it in its place"
        message = f"the extension {self._name!r} is not available on this server{needed}"
        return DeployMistake(self._file, self._statement.line, first_line(self._statement.sql), message, hint=cure)


async def _deploy_file(dsn: str, file: Path, script: list[Statement], note: Callable[[DeployNotice], None]) -> None:
    connection = await connect(dsn)
    line = 1
    passed_over: list[tuple[int, str]] = []

    def listen(_: object, message: asyncpg.PostgresLogMessage) -> None:
        note(DeployNotice(file, line, message.severity_en or message.severity, message.message))

    connection.add_log_listener(listen)
    try:
        for statement in script:
            line = statement.line
            instead = await _execute(connection, file, statement)
            if instead is not None and instead.note:
                passed_over.append((line, instead.note))
        if connection.is_in_transaction():
            raise DeployError([DeployMistake(file, line, "", "the file ends inside a transaction", hint="add COMMIT")])
        for at, told in folded(passed_over):
            note(DeployNotice(file, at, "WARNING", told))
    finally:
        await connection.close()


async def _execute(connection: asyncpg.Connection, file: Path, statement: Statement) -> Instead | None:
    """Run one statement; what was done instead of it, if something was."""
    try:
        if (instead := await instead_of(connection, statement.sql)) is not None:
            if instead.sql:
                await connection.execute(instead.sql, timeout=STATEMENT_S)
            return instead
        copy = copy_arguments(statement.sql) if is_copy(statement.sql) else None
        if copy is None:
            await connection.execute(statement.sql, timeout=STATEMENT_S)
        else:
            await _copy(connection, statement, *copy)
        return None
    except MissingExtension as error:
        raise _Lacking(file, statement, error.name) from None
    except ScriptError as error:
        raise DeployError(
            [DeployMistake(file, statement.line, first_line(statement.sql), error.message, hint=error.hint)]
        ) from error
    except asyncpg.PostgresError as error:
        raise DeployError([_mistake(file, statement, error)]) from error
    except TimeoutError as error:
        message = f"took longer than {STATEMENT_S:.0f} s"
        raise DeployError([DeployMistake(file, statement.line, first_line(statement.sql), message)]) from error


async def _copy(connection: asyncpg.Connection, statement: Statement, table: str, arguments: dict[str, Any]) -> None:
    if statement.data is None:
        raise ScriptError(statement.line, "COPY FROM STDIN without data and a closing \\. line", "add them")
    source = io.BytesIO(statement.data.encode())
    await connection.copy_to_table(table, source=source, timeout=STATEMENT_S, **arguments)


def _mistake(file: Path, statement: Statement, error: asyncpg.PostgresError) -> DeployMistake:
    position = int(error.position) if error.position else 1
    message = (error.message or str(error)) + (f" ({error.detail})" if error.detail else "")
    line = statement.line_at(position)
    hint = error.hint or (_STUB if error.sqlstate in _UNDEFINED else "")
    return DeployMistake(file, line, first_line(statement.sql), message, error.sqlstate, hint)
