"""Every attempt of a scenario, or a fair choice of them, as columns for the report's timeline."""

from pathlib import Path
from typing import Any

import duckdb

from doorbuster.model.outcome import Outcome
from doorbuster.record.database import database

MOST, MOST_IN_ALL = 10_000, 40_000
OUTCOMES = [outcome.value for outcome in Outcome]
_NOTE = 160


def attempt_columns(folder: Path, most: int) -> dict[str, Any] | None:
    """The attempts recorded in a scenario's ``folder``, by their beginning; None where none is recorded.

    Of more than ``most``, those without success come first, then every n-th of the others. Instants are microseconds
    from the first; ``note`` is a position in ``notes``, -1 for none.
    """
    path = folder / "attempts.parquet"
    if not path.exists():
        return None
    with database() as connection:
        try:
            total = connection.execute("select count(*) from read_parquet(?)", [str(path)]).fetchall()[0][0]
            rows = connection.execute(
                f"""
                with told as (
                    select *, invoked_us - min(invoked_us) over () as at_us,
                           row_number() over (partition by outcome in ('ok', 'sold_out') order by attempt) as n,
                           count(*) over (partition by outcome in ('ok', 'sold_out')) as alike
                    from read_parquet($path)
                ), chosen as (
                    select *, outcome in ('ok', 'sold_out') as happy from told
                    order by happy, n % greatest(1, alike // $most), n limit $most
                )
                select at_us, duration_us, coalesce(buyer, 0), outcome, order_key[:8], try_no, attempt,
                       left(trim(concat_ws(' ', code, message)), {_NOTE})
                from chosen order by at_us, attempt""",
                {"path": str(path), "most": most},
            ).fetchall()
        except duckdb.Error:  # a damaged file costs the picture, not the report
            return None
    if not rows:
        return None
    notes: dict[str, int] = {}
    columns = list(zip(*rows, strict=True))
    return {
        "total": total, "at": columns[0], "took": columns[1], "buyer": columns[2],
        "outcome": [OUTCOMES.index(name) for name in columns[3]], "key": columns[4], "try": columns[5],
        "attempt": columns[6], "note": [notes.setdefault(text, len(notes)) if text else -1 for text in columns[7]],
        "notes": list(notes), "outcomes": OUTCOMES,
    }  # fmt: skip
