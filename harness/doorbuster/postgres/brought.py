"""What people's SQL asks for and a disposable server does not have: roles of another machine, extensions nobody built.

Ownership and rights of a role that there is not are passed over, and told; nothing else about roles is. An extension
that is missing is replaced where we have a stand-in for what shops use of it, passed over where a checkout does not
need it, and otherwise named with what needs it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
from pglast import ast
from pglast.parser import ParseError, parse_sql
from pglast.stream import RawStream
from pglast.visitors import Visitor

from doorbuster.host.resources import resource

_ABOUT = re.compile(
    r"(?is)^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:alter|grant|revoke|create\s+extension|comment\s+on\s+ext)"
)
_RIGHTS = (ast.AlterOwnerStmt, ast.GrantStmt, ast.GrantRoleStmt, ast.AlterDefaultPrivilegesStmt)
# A function by which to know that the stand-in is there, and its file below sql/standins.
STANDINS = {"uuid-ossp": "uuid_generate_v4", "pgcrypto": "gen_salt"}
# What a checkout does without: jobs, network, secrets, statistics, an API of its own.
HOLLOW = frozenset((
    "pg_graphql", "pg_net", "pg_cron", "pgsodium", "supabase_vault", "pg_stat_statements", "pgjwt", "wrappers", "http",
    "plpgsql_check", "index_advisor", "hypopg", "pg_hashids", "pgaudit", "pg_repack", "pg_partman",
))  # fmt: skip
# Words by which to find what needs an extension.
_SIGNS = {
    "postgis": r"geometry|geography|st_\w+", "vector": r"vector|halfvec|vector_\w+_ops", "citext": "citext",
    "hstore": "hstore", "ltree": "ltree|lquery", "pg_trgm": r"gin_trgm_ops|gist_trgm_ops|similarity",
    "pgcrypto": r"crypt|gen_salt|digest|hmac|gen_random_bytes|pgp_\w+", "uuid-ossp": r"uuid_generate_\w+",
    "timescaledb": r"create_hypertable|time_bucket", "unaccent": "unaccent", "btree_gist": r"exclude\s+using\s+gist",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instead:
    """What to do instead of a statement: run ``sql`` (nothing if empty), and tell ``note`` (nothing if empty)."""

    sql: str = ""
    note: str = ""


class MissingExtension(Exception):
    """An extension that the server lacks; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the extension {name!r} is not available on this server")
        self.name = name


async def instead_of(connection: asyncpg.Connection, sql: str) -> Instead | None:
    """What to do instead of ``sql``; None: run it as it is.

    Raises:
        MissingExtension: it asks for an extension without which nothing goes.
    """
    if not _ABOUT.match(sql):
        return None
    try:
        statement = parse_sql(sql)[0].stmt
    except (ParseError, IndexError):
        return None
    if isinstance(statement, ast.CreateExtensionStmt):
        return await _extension(connection, statement)
    if (name := _extension_told_of(statement)) is not None:
        known = await connection.fetchval("select true from pg_extension where extname = $1", name)
        return None if known or name not in {*STANDINS, *HOLLOW} else Instead()
    return await _rights(connection, statement)


def needs_extension(name: str, sql: str) -> re.Match[str] | None:
    """Where ``sql`` uses something of the extension, as far as its names tell."""
    pattern = _SIGNS.get(name)
    return None if pattern is None else re.search(rf"(?i)\b(?:{pattern})\b", sql)


async def _extension(connection: asyncpg.Connection, statement: Any) -> Instead | None:
    name = statement.extname
    if await connection.fetchval("select true from pg_available_extensions where name = $1", name):
        return None
    if name in HOLLOW:
        return Instead(note=f"the extension {name!r} is not available here, and passed over: a checkout can do without")
    if name not in STANDINS:
        raise MissingExtension(name)
    if await connection.fetchval("select true from pg_proc where proname = $1", STANDINS[name]):
        return Instead()
    schema = next((o.arg.sval for o in statement.options or () if o.defname == "schema"), None)
    path = await connection.fetchval("select current_setting('search_path')")
    into = f"set search_path = {_identifier(schema)};" if schema else ""
    body = resource(f"sql/standins/{name}.sql").read_text(encoding="utf-8")
    back = f"select set_config('search_path', {_literal(path)}, false)"
    note = f"the extension {name!r} is not available here: functions of ours stand in for what shops use of it"
    return Instead(f"{into}{body};{back}", note)


def _extension_told_of(statement: Any) -> str | None:
    if isinstance(statement, ast.CommentStmt) and isinstance(statement.object, ast.String):
        return str(statement.object.sval)
    if isinstance(statement, (ast.AlterExtensionStmt, ast.AlterExtensionContentsStmt)):
        return str(statement.extname)
    return None


class _Roles(Visitor):
    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_RoleSpec(self, _ancestors: Any, node: Any) -> None:
        if node.rolename:
            self.names.append(node.rolename)


async def _rights(connection: asyncpg.Connection, statement: Any) -> Instead | None:
    if not (isinstance(statement, _RIGHTS) or _only_changes_owner(statement)):
        return None
    roles = _Roles()
    roles(statement)
    known = await connection.fetch("select rolname from pg_roles where rolname = any($1)", roles.names)
    missing = set(roles.names) - {row["rolname"] for row in known}
    if not missing:
        return None
    told = ", ".join(f'"{name}"' for name in sorted(missing))
    note = f"no role {told} here: ownership and rights of it are passed over"
    if isinstance(statement, ast.GrantStmt):
        left = tuple(g for g in statement.grantees or () if g.rolename not in missing)
        if left and not (statement.grantor and statement.grantor.rolename in missing):
            statement.grantees = left
            return Instead(str(RawStream()(statement)), note)
    return Instead(note=note)


def _only_changes_owner(statement: Any) -> bool:
    return isinstance(statement, ast.AlterTableStmt) and all(c.newowner is not None for c in statement.cmds or ())


def folded(notes: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Each note once, with its first line and how often it was met: a dump repeats them for every table."""
    lines: dict[str, list[int]] = {}
    for line, note in notes:
        lines.setdefault(note, []).append(line)
    for note, where in lines.items():
        yield where[0], note if len(where) == 1 else f"{note} ({len(where)} statements)"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
