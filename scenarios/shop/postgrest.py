"""``POST /rest/v1/rpc/<function>`` by PostgREST's rules: named arguments, one transaction, its codes and statuses.

Source: PostgREST's documentation, "Functions as RPC", "Transactions" and "Errors", and what field reports say of its
versions. Only what a call of a function needs: no views, no filters, no media types but JSON.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shop.database import Database, NoConnection, Unknown

_FUNCTIONS = """
select p.oid::bigint as oid, n.nspname as schema, p.proname as name, p.proretset as returns_set,
       p.prorettype = 'void'::regtype as returns_void, t.typtype = 'c' or p.prorettype = 'record'::regtype as is_row,
       p.pronargs - p.pronargdefaults as required,
       coalesce((select array_agg(a.name order by a.n) from unnest(p.proargnames) with ordinality as a(name, n)
                 where coalesce(p.proargmodes[a.n], 'i') in ('i', 'b', 'v')), '{}') as names,
       array(select format_type(a.type, null)
             from unnest(p.proargtypes) with ordinality as a(type, n) order by a.n) as types
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type t on t.oid = p.prorettype
where n.nspname = 'public' and p.proname = $1 and p.prokind = 'f'
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, and a body of JSON; None is no body."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Rpc:
    """``role`` is that of every request; ``retries_serialization``: a 40001 is tried again without bound."""

    database: Database
    role: str | None = None
    retries_serialization: bool = False
    _known: dict[str, list[Any]] = field(default_factory=dict)  # the schema cache

    async def call(self, function: str, document: bytes) -> Reply:
        """The reply to a call with this request body.

        Raises:
            Unknown: no definite answer came from the database.
        """
        try:
            arguments = json.loads(document or b"{}")
        except ValueError:
            return _error(400, "PGRST102", "Empty or invalid json")
        if not isinstance(arguments, dict):
            return _error(400, "PGRST102", "All object keys must match")
        try:
            async with self.database.connection() as connection:
                if function not in self._known:
                    self._known[function] = await connection.fetch(_FUNCTIONS, function)
                found = _matching(self._known[function], arguments)
                if isinstance(found, Reply):
                    return found
                if not found:
                    return _no_such_function(function, arguments)
                return await self._run(connection, found, arguments, document.decode() or "{}")
        except NoConnection as problem:
            if "TimeoutError" in str(problem):
                return _error(504, "PGRST003", "Timed out acquiring connection from connection pool.")
            return _error(503, "PGRST001", "Database client error. Retrying the connection.", str(problem))
        except asyncpg.PostgresError as problem:
            return _postgres_error(problem, is_anonymous=self.role in (None, "anon"))

    async def _run(
        self, connection: asyncpg.Connection, function: Any, arguments: dict[str, Any], document: str
    ) -> Reply:
        statement = _statement(function, arguments)
        while True:
            try:
                value = await self._transaction(connection, statement, document)
                break
            except asyncpg.SerializationError:
                if not self.retries_serialization:
                    raise
        if function["returns_void"]:
            return Reply(204, None)
        return Reply(200, None if value is None else json.loads(value))

    async def _transaction(self, connection: asyncpg.Connection, statement: str, document: str) -> Any:
        """The call in a transaction of its own: one statement is one, unless it is to have settings."""
        if self.role is None:
            return await connection.fetchval(statement, document)
        async with connection.transaction():
            claims = json.dumps({"role": self.role})
            await connection.execute(
                "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", self.role, claims
            )
            return await connection.fetchval(statement, document)


def _matching(functions: list[Any], arguments: dict[str, Any]) -> Any:
    """The function that takes just these arguments; a 300 where several do, None where none does."""
    given = set(arguments)
    found = [f for f in functions if given <= set(f["names"]) and set(f["names"][: f["required"]]) <= given]
    if len(found) <= 1:
        return found[0] if found else None
    names = ", ".join(f"{f['schema']}.{f['name']}({_signature(f)})" for f in found)
    return Reply(300, {
        "code": "PGRST203", "details": None,
        "hint": "Try renaming the parameters or the function itself in the database so function overloading can be "
                "resolved",
        "message": f"Could not choose the best candidate function between: {names}",
    })  # fmt: skip


def _no_such_function(function: str, arguments: dict[str, Any]) -> Reply:
    names = ", ".join(sorted(arguments))
    called = f"public.{function}({names})" if names else f"public.{function}"
    told = f"with parameter{'s' if len(arguments) > 1 else ''} {names}" if names else "without parameters"
    return Reply(404, {
        "code": "PGRST202", "hint": None,
        "details": f"Searched for the function public.{function} {told} or with a single unnamed json/jsonb parameter, "
                   "but no matches were found in the schema cache.",
        "message": f"Could not find the function {called} in the schema cache",
    })  # fmt: skip


def _signature(function: Any) -> str:
    return ", ".join(f"{n} => {t}" for n, t in zip(function["names"], function["types"], strict=False))


def _statement(function: Any, arguments: dict[str, Any]) -> str:
    """One JSON document for all arguments: the server turns its members into the types that they are to have."""
    types = dict(zip(function["names"], function["types"], strict=False))
    used = [name for name in function["names"] if name in arguments]
    columns = ", ".join(f"{_quoted(name)} {types[name]}" for name in used)
    named = ", ".join(f"{_quoted(name)} => args.{_quoted(name)}" for name in used)
    call = f"{_quoted(function['schema'])}.{_quoted(function['name'])}({named})"
    source = f"json_to_record($1::json) as args({columns})" if used else "(select $1::json) as args"
    if function["returns_void"]:
        return f"select ''::text from {source}, lateral {call} as called"
    if function["returns_set"]:
        return f"select coalesce(json_agg(called), '[]')::text from {source}, lateral {call} as called"
    return f"select to_json(called)::text from {source}, lateral (select {call} as called) as one"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _error(status: int, code: str, message: str, details: str | None = None) -> Reply:
    return Reply(status, {"code": code, "details": details, "hint": None, "message": message})


# The first that matches the SQLSTATE says the status.
STATUSES: tuple[tuple[str, int], ...] = (
    (r"08...", 503), (r"09...", 500), (r"0L...", 403), (r"0P...", 403), (r"23503", 409), (r"23505", 409),
    (r"25006", 405), (r"25...", 500), (r"28...", 403), (r"2D...", 500), (r"38...", 500), (r"39...", 500),
    (r"3B...", 500), (r"40...", 500), (r"53400", 500), (r"53...", 503), (r"54...", 500), (r"55...", 500),
    (r"57P01", 503), (r"57...", 500), (r"58...", 500), (r"F0...", 500), (r"HV...", 500), (r"P0001", 400),
    (r"P0...", 500), (r"42883", 404), (r"42P01", 404), (r"42P17", 500),
)  # fmt: skip


def status_of(sqlstate: str, *, is_anonymous: bool) -> int:
    """The status of an answer to a call that failed with ``sqlstate``."""
    if sqlstate == "42501":
        return 401 if is_anonymous else 403
    if custom := re.fullmatch(r"PT(\d{3})", sqlstate):
        return int(custom[1])
    return next((status for pattern, status in STATUSES if re.fullmatch(pattern, sqlstate)), 400)


def _postgres_error(problem: asyncpg.PostgresError, *, is_anonymous: bool) -> Reply:
    state = str(problem.sqlstate)
    return Reply(status_of(state, is_anonymous=is_anonymous), {
        "code": state, "details": getattr(problem, "detail", None), "hint": getattr(problem, "hint", None),
        "message": getattr(problem, "message", None) or str(problem),
    })  # fmt: skip


def lost(problem: Unknown) -> Reply:
    """What a caller is told whose answer was lost between the shop and the database."""
    return _error(503, "PGRST001", "Database client error. Retrying the connection.", str(problem))
