"""Statements that write the attempt's id into the log, in the same transaction as their own rows.

A plain SELECT becomes a lateral subquery of the tag. A statement that changes data may stand at the top level of a WITH
only, so its tree is taken apart: the tag becomes its first common table expression, the statement itself the last. A
CALL has no place for one: there the tag is a setting of the session, and statement triggers write it into the log.
"""

from collections.abc import Iterable
from typing import Any

import asyncpg
from pglast import ast, parse_sql
from pglast.parser import ParseError
from pglast.stream import RawStream
from pglast.visitors import Visitor

from doorbuster.config.parameters import Statement, parse_parameters
from doorbuster.record.log_text import PREFIX

TAG_PARAMETER = "doorbuster_tag"
_EMIT = f"doorbuster_tag as materialized (select pg_logical_emit_message(true, '{PREFIX}', :{TAG_PARAMETER}::text))"
TAG_SETTING = "doorbuster.tag"
_TRIGGER = f"""
create schema if not exists doorbuster_tag;
grant usage on schema doorbuster_tag to public;
create or replace function doorbuster_tag.write() returns trigger language plpgsql security definer as $$
begin
    if coalesce(current_setting('{TAG_SETTING}', true), '') <> '' then
        perform pg_logical_emit_message(true, '{PREFIX}', current_setting('{TAG_SETTING}'));
    end if;
    return null;
end $$
"""
_CHANGES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


class Untaggable(ValueError):
    """A statement that cannot carry a tag; the message says why and what to write instead."""


def tagged(sql: str) -> Statement:
    """``sql`` with the tag as the named parameter ``doorbuster_tag``; its result columns are unchanged.

    Raises:
        Untaggable: not one statement, or of a kind that has no place for a tag.
    """
    statement = _single(sql)
    if isinstance(statement, ast.SelectStmt) and not _changes_data(statement):
        body = sql.strip().rstrip(";").rstrip()
        return parse_parameters(
            f"with {_EMIT}\nselect doorbuster_call.* from doorbuster_tag, lateral (\n{body}\n) as doorbuster_call"
        )
    if isinstance(statement, (ast.SelectStmt, *_CHANGES)):
        return _with_tag_inside(sql)
    if isinstance(statement, ast.CallStmt):
        return parse_parameters(sql.strip().rstrip(";"))
    kind = type(statement).__name__.removesuffix("Stmt").upper()
    raise Untaggable(f"a {kind} cannot be tied to its attempt; place orders by SELECT, INSERT, UPDATE, DELETE or CALL")


def is_tagged_by_setting(sql: str) -> bool:
    """Whether the session must say the tag before ``sql`` runs, because the statement itself has no place for it."""
    return isinstance(_single(sql), ast.CallStmt)


async def install_tag_triggers(connection: asyncpg.Connection, tables: Iterable[str]) -> None:
    """Have every statement that changes one of ``tables`` (quoted names) write the session's tag into the log.

    A tag goes when its subtransaction is rolled back, so every statement writes it anew.
    """
    await connection.execute(_TRIGGER)
    for table in tables:
        await connection.execute(
            f"create trigger doorbuster_tag before insert or update or delete on {table} "
            "for each statement execute function doorbuster_tag.write()"
        )


def _single(sql: str) -> Any:
    try:
        statements = parse_sql(parse_parameters(sql).sql)
    except ParseError as problem:
        raise Untaggable(f"is not valid SQL: {problem.args[0]}") from None
    if len(statements) != 1:
        raise Untaggable(f"holds {len(statements)} statements; give each step one")
    return statements[0].stmt


class _FindsChanges(Visitor):
    def __init__(self) -> None:
        self.found = False

    def visit_CommonTableExpr(self, _ancestors: Any, node: Any) -> None:
        self.found = self.found or isinstance(node.ctequery, _CHANGES)


def _changes_data(statement: Any) -> bool:
    visitor = _FindsChanges()
    visitor(statement)
    return visitor.found


def _with_tag_inside(sql: str) -> Statement:
    """The statement with the tag among its common table expressions."""
    names = parse_parameters(sql).names
    statement = _single(sql)
    own = list(statement.withClause.ctes) if statement.withClause else []
    recursive = bool(statement.withClause and statement.withClause.recursive)
    statement.withClause = None
    frame = _frame(first=len(names) + 1, returns=isinstance(statement, ast.SelectStmt) or _returns(statement))
    tag, call = frame.withClause.ctes
    call.ctequery = statement
    frame.withClause.ctes = (tag, *own, call)
    frame.withClause.recursive = recursive
    return Statement(RawStream()(frame), (*names, TAG_PARAMETER))


def _frame(first: int, *, returns: bool) -> Any:
    # The condition is evaluated once, before the call's rows are read, so the tag is written also where there are none.
    rows = "select doorbuster_call.* from doorbuster_call where (select count(*) from doorbuster_tag) >= 0"
    result = rows if returns else "select count(*) from doorbuster_tag"
    sql = f"with {_EMIT}, doorbuster_call as (select 1) {result}"
    return parse_sql(parse_parameters(sql, first).sql)[0].stmt


def _returns(statement: Any) -> bool:
    # PostgreSQL 18 renamed the list to a clause.
    return bool(getattr(statement, "returningClause", None) or getattr(statement, "returningList", None))
