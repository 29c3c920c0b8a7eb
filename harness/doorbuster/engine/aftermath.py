"""What became of each order that met a fault at an exact place, by the log: for the picture of a cut or a crash.

It says nothing that the checks do not say; it only tells, place by place, what they say of the whole.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from doorbuster.drive.history import Met, answered
from doorbuster.judge.checks import ONLY_A_WARNING, BadCheck, standard_checks, violations
from doorbuster.judge.rows import LogNotUnderstood
from doorbuster.judge.views import BadMapping, create_views, opened_run
from doorbuster.model.contract import Contract
from doorbuster.model.outcome import Outcome
from doorbuster.record.catalogue import load_catalogue

LOST = "committed, not answered"
SAME = ", the first order"


@dataclass(frozen=True, slots=True)
class Fate:
    """What an order's first attempt left: ``commits`` with row changes, and its order; and the checks broken since."""

    commits: int = 0
    order_id: str | None = None
    is_live: bool = False
    checks: tuple[str, ...] = ()


@dataclass(slots=True)
class Aftermath:
    """The fates by order key. ``whole`` is how many commits an undisturbed order makes.

    ``products`` are violated checks whose rows name no order, by product; ``nowhere`` those whose rows name neither.
    """

    fates: dict[str, Fate] = field(default_factory=dict)
    whole: int = 1
    products: Mapping[str, list[str]] = field(default_factory=dict)
    nowhere: tuple[str, ...] = ()

    @property
    def broken_keys(self) -> frozenset[str]:
        """The order keys of which some check has a row."""
        return frozenset(key for key, fate in self.fates.items() if fate.checks)

    def checks_of(self, order_key: str) -> tuple[str, ...]:
        """The names of the checks that have a row of this order."""
        return self.fates[order_key].checks if order_key in self.fates else ()

    def told(self, met: Met) -> dict[str, str]:
        """What became of the order in words: ``happened``, the first ``answer``, the ``retry``, checks ``violated``."""
        fate, retry = self.fates.get(met.order_key, Fate()), met.retry
        same = fate.order_id is not None and retry is not None and retry.order_id == fate.order_id
        return {
            "happened": self._happened(fate, met.first.outcome),
            "answer": answered(met.first),
            "retry": answered(retry) + (SAME if same else ""),
            "violated": ", ".join(fate.checks),
        }

    def _happened(self, fate: Fate, answer: Outcome) -> str:
        if answer is Outcome.OK:
            return "committed, answered"
        if fate.commits == 0:
            return "nothing happened"
        lost = "not answered" if answer is Outcome.UNKNOWN else "answered no"
        if fate.order_id is not None and not fate.is_live:
            return f"taken back, {lost}"
        return f"{'committed' if fate.commits >= self.whole else 'half done'}, {lost}"


_FIRST = """
select attempts.order_key, count(distinct changes.commit), any_value(orders.order_id),
       coalesce(bool_or(orders.live_at_end), false)
from attempts join made_by using (attempt) join changes using (commit) left join orders
  on orders.attempt = attempts.attempt
where try_no = 1 and {where}
group by attempts.order_key"""


def aftermath(
    folder: Path, contract: Contract, clean_phase: str, *, checks: bool = True, required: Sequence[str] = ()
) -> Aftermath:
    """Read the sealed scenario in ``folder``; orders of the phase ``clean_phase`` were not disturbed.

    Without ``checks`` no fate tells which were broken: they take long where there are many orders. ``required`` names
    the checks that the scenario requires; a row that is only a warning breaks none.

    Where the log cannot be read all is unknown, and empty: the judge says why.
    """
    found = Aftermath()
    try:
        with opened_run(folder) as connection:
            create_views(connection, contract, load_catalogue(folder / "catalogue.json"), required)
            clean = connection.execute(_attempts(f"phase = '{clean_phase}'")).fetchall()
            found.whole = min((row[1] for row in clean), default=1)
            told = _broken_checks(connection) if checks else _Broken()
            broken, found.products, found.nowhere = told.keys, told.products, tuple(told.nowhere)
            rows = connection.execute(_attempts(f"phase <> '{clean_phase}'")).fetchall()
            for key, commits, order_id, is_live in rows:
                found.fates[key] = Fate(commits, order_id, is_live, tuple(broken.pop(key, ())))
            for key, names in broken.items():
                found.fates[key] = Fate(checks=tuple(names))
    except (LogNotUnderstood, BadMapping, duckdb.Error, OSError):
        return found
    return found


def _attempts(where: str) -> str:
    return _FIRST.format(where=where.replace("phase", "attempts.phase"))


@dataclass(slots=True)
class _Broken:
    """The names of violated checks: by order key, by product where a row names no order, and of rows without both."""

    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    products: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    nowhere: list[str] = field(default_factory=list)


def _broken_checks(connection: duckdb.DuckDBPyConnection) -> _Broken:
    broken = _Broken()
    for check in standard_checks().values():
        if check.is_threshold:
            continue
        try:
            rows = [row for row in violations(connection, check) if not row.get(ONLY_A_WARNING)]
        except BadCheck:  # it looks at something that this contract does not map
            continue
        keys = dict.fromkeys(row["order_key"] for row in rows if row.get("order_key") is not None)
        keyless = [row for row in rows if row.get("order_key") is None]
        products = dict.fromkeys(row["product"] for row in keyless if row.get("product") is not None)
        for key in keys:
            broken.keys[key].append(check.name)
        for product in products:
            broken.products[str(product)].append(check.name)
        if any(row.get("product") is None for row in keyless):
            broken.nowhere.append(check.name)
    return broken
