"""What a database holds: tables with their keys and references, functions with their arguments and their text."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``kind`` is its type as PostgreSQL prints it. ``needed``: an INSERT has to give it; ``always``: it may
    not, for the column is always generated."""

    name: str
    kind: str
    needed: bool
    always: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``name`` as SQL wants it, ``references``: a column to the table and column that it points to."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: Mapping[str, tuple[str, str]]
    unique: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument that a call has to or may give (``given``), or a column of what comes back."""

    name: str
    kind: str
    given: bool
    has_default: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function or procedure; ``signature`` as PostgreSQL prints it, ``source`` the text of its definition."""

    name: str
    signature: str
    is_procedure: bool
    arguments: tuple[Argument, ...]
    returns: str
    returns_set: bool
    language: str
    source: str
    definition: str


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything at once; ``composites`` are attributes and their types by the name of a type; ``triggers`` the
    functions' sources by the table that they watch over."""

    tables: tuple[Table, ...]
    functions: tuple[Function, ...]
    composites: Mapping[str, tuple[tuple[str, str], ...]]
    triggers: Mapping[str, tuple[str, ...]]

    def table(self, name: str) -> Table | None:
        """The table of this name, with or without its schema or quotes."""
        last = name.replace('"', "").rpartition(".")[2]
        return next((t for t in self.tables if t.name.replace('"', "").rpartition(".")[2] == last), None)


_OURS = """
n.nspname not in ('pg_catalog', 'information_schema', 'auth', 'extensions', 'storage', 'realtime', 'graphql_public')
and n.nspname not like 'pg_%'
"""
_TABLES = f"""
select c.oid, c.oid::regclass::text as name,
       coalesce((select array_agg(a.attname::text order by k.n)
                 from pg_index i, unnest(i.indkey) with ordinality as k (attnum, n)
                 join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
                 where i.indrelid = c.oid and i.indisprimary), '{{}}') as key,
       coalesce((select array_agg(a.attname::text)
                 from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                 where i.indrelid = c.oid and i.indisunique and not i.indisprimary and i.indnatts = 1),
                '{{}}') as uniques
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and {_OURS} order by c.oid
"""
_COLUMNS = """
select a.attrelid, a.attname::text as name, format_type(a.atttypid, null) as kind,
       a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = '' as needed,
       a.attidentity = 'a' as always
from pg_attribute a where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_REFERENCES = """
select c.conrelid, a.attname::text as name, c.confrelid::regclass::text as target, b.attname::text as target_column
from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.confkey[1]
where c.contype = 'f' and cardinality(c.conkey) = 1 and c.conrelid = any($1::oid[])
"""
_FUNCTIONS = f"""
select case when pg_function_is_visible(p.oid) then quote_ident(p.proname)
            else quote_ident(n.nspname) || '.' || quote_ident(p.proname) end as name,
       p.oid::regprocedure::text as signature, p.prokind = 'p' as is_procedure,
       coalesce(p.proargnames, '{{}}') as names,
       array(select format_type(t, null) from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) as t) as kinds,
       coalesce(p.proargmodes::text[], array(select 'i' from unnest(p.proargtypes))) as modes,
       p.pronargdefaults as defaults, format_type(p.prorettype, null) as returns, p.proretset as returns_set,
       l.lanname::text as language, p.prosrc as source, pg_get_functiondef(p.oid) as definition
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where p.prokind in ('f', 'p') and {_OURS} and p.prorettype <> 'trigger'::regtype
  and p.prorettype <> 'event_trigger'::regtype
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e') order by p.oid
"""
_COMPOSITES = f"""
select format_type(t.oid, null) as name, array_agg(a.attname::text order by a.attnum) as names,
       array_agg(format_type(a.atttypid, null) order by a.attnum) as kinds
from pg_type t join pg_class c on c.oid = t.typrelid join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'c' and {_OURS} group by t.oid
"""
_TRIGGERS = """
select t.tgrelid::regclass::text as name, array_agg(p.prosrc) as sources
from pg_trigger t join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal group by 1
"""


async def survey(connection: asyncpg.Connection) -> Survey:
    """Look at everything that is not the server's own, nor a platform's."""
    tables = await connection.fetch(_TABLES)
    oids = [row["oid"] for row in tables]
    columns = await connection.fetch(_COLUMNS, oids)
    references = await connection.fetch(_REFERENCES, oids)
    return Survey(
        tuple(
            Table(
                row["name"],
                tuple(
                    Column(c["name"], c["kind"], c["needed"], c["always"])
                    for c in columns if c["attrelid"] == row["oid"]
                ),
                tuple(row["key"]),
                {r["name"]: (r["target"], r["target_column"]) for r in references if r["conrelid"] == row["oid"]},
                tuple(row["uniques"]),
            )
            for row in tables
        ),
        tuple(_function(row) for row in await connection.fetch(_FUNCTIONS)),
        {row["name"]: tuple(zip(row["names"], row["kinds"], strict=True))
         for row in await connection.fetch(_COMPOSITES)},
        {row["name"]: tuple(row["sources"]) for row in await connection.fetch(_TRIGGERS)},
    )  # fmt: skip


def _function(row: asyncpg.Record) -> Function:
    names = [*row["names"], *[""] * (len(row["kinds"]) - len(row["names"]))]
    modes = [mode.decode() if isinstance(mode, bytes) else mode for mode in row["modes"]]
    given = [mode in "ibv" or (row["is_procedure"] and mode == "o") for mode in modes]
    inputs = [n for n, mode in enumerate(modes) if mode in "ibv"]
    with_default = set(inputs[len(inputs) - row["defaults"]:]) if row["defaults"] else set()
    arguments = tuple(
        Argument(name, kind, gives, n in with_default)
        for n, (name, kind, gives) in enumerate(zip(names, row["kinds"], given, strict=True))
    )
    return Function(
        row["name"], row["signature"], row["is_procedure"], arguments, row["returns"], row["returns_set"],
        row["language"], row["source"], row["definition"],
    )  # fmt: skip
