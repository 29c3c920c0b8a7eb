"""Statement triggers around every write to a table: points of whatever writes without a function that can be marked."""

from collections.abc import Iterator
from dataclasses import dataclass

_LINKS = {"insert": "into", "update": "of", "delete": "from"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fires ``time`` (before, after) an ``operation`` (insert, update, delete), once a statement.

    ``table`` is the table's name as SQL takes it, ``words`` say in which place this is.
    """

    table: str
    time: str
    operation: str
    words: str

    def sql(self, schema: str, point: int) -> str:
        """Creates it; it reaches ``point`` by the function that :func:`trigger_function` creates in ``schema``.

        A trigger's name decides when it fires among others of its table; this one comes last.
        """
        return (
            f"create trigger zz_doorbuster_{self.time}_{self.operation} {self.time} {self.operation}"
            f" on {self.table} for each statement execute function {schema}.reach('{point}')"
        )


def triggers_of(table: str, name: str) -> Iterator[Trigger]:
    """Before and after each kind of write to ``table``, which people call ``name``."""
    for operation, link in _LINKS.items():
        for time in ("before", "after"):
            yield Trigger(table, time, operation, f"{time} {operation} {link} {name}")


def trigger_function(schema: str) -> str:
    """Creates the function of the triggers in ``schema``, which has a ``reach(point integer)`` of its own."""
    return f"""
create function {schema}.reach() returns trigger language plpgsql security definer as $reach$
begin
    if {schema}.reach(tg_argv[0]::integer) then end if;
    return null;
end;
$reach$;
"""
