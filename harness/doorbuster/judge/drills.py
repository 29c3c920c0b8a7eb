"""The journal, the recoveries and the server's own words, as a report shows them; no verdict rests on them here."""

import duckdb

from doorbuster.model.drill import Happening, LogLine, Recovery
from doorbuster.model.result import FaultResult

MOST_LINES = 200


def journal(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[Happening, ...]:
    """What was done when."""
    found = connection.execute(
        "select (at_us - $start) / 1e6, what, fault, target, text from happenings order by at_us", {"start": start_us}
    ).fetchall()
    return tuple(Happening(round(at_s, 3), *rest) for at_s, *rest in found)


def recoveries(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[Recovery, ...]:
    """How each fault was recovered from, in the order in which they ended; those left out after which nobody asked."""
    found = connection.execute(
        """
        select name, kind, (healed_us - $start) / 1e6, (until_us - $start) / 1e6, good_after_us / 1000,
               normal_after_us / 1000, limit_us / 1000
        from recoveries where since_us is not null and healed_us <= (select max(invoked_us) from attempts)
        order by healed_us""",
        {"start": start_us},
    ).fetchall()
    return tuple(Recovery(*row) for row in found)


def server_log(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[LogLine, ...]:
    """The first lines of the server's log that tell of trouble."""
    found = connection.execute(
        f"""
        select (at_us - $start) / 1e6, level, pid, text, times
        from server_log order by at_us limit {MOST_LINES}""",
        {"start": start_us},
    ).fetchall()
    return tuple(LogLine(round(at_s, 3), *rest) for at_s, *rest in found)


def unavailable(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[FaultResult, ...]:
    """Faults that could not be had: they left no mark, and the reason is their proof."""
    found = connection.execute(
        """
        select fault, kind, (min(at_us) - $start) / 1e6, any_value(text), any_value(target) from happenings
        where what = 'unavailable' and fault not in (select name from fault_windows) group by all order by 3""",
        {"start": start_us},
    ).fetchall()
    return tuple(
        FaultResult(name, kind, at_s, at_s, f"could not be had: {why}", 0, target)
        for name, kind, at_s, why, target in found
    )


def targets(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What each fault struck, by its label."""
    rows = connection.execute("select fault, any_value(target) from happenings where fault is not null group by fault")
    return dict(rows.fetchall())
