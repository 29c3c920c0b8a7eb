"""What happened over time, as figures that a report draws; no verdict rests on them."""

from collections.abc import Sequence

import duckdb

from doorbuster.model.result import OutcomePoint, StockLine

BUCKETS = 120
HOT_PRODUCTS = 3


def outcome_points(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[OutcomePoint, ...]:
    """How many attempts ended how, in at most ``BUCKETS`` buckets of equal width; an attempt counts where it ended."""
    found = connection.execute(
        f"""
        with placed as (select (invoked_us + duration_us - $start) / 1e6 as at_s, outcome from attempts),
             width as (select greatest(0.1, max(at_s) / {BUCKETS}) as w from placed),
             counted as (select floor(at_s / w) * w as from_s, outcome, count(*) as n from placed, width group by all)
        select from_s, list(outcome order by outcome), list(n order by outcome) from counted group by 1 order by 1""",
        {"start": start_us},
    ).fetchall()
    return tuple(OutcomePoint(start_s, dict(zip(names, counts, strict=True))) for start_s, names, counts in found)


def stock_lines(connection: duckdb.DuckDBPyConnection, start_us: int) -> tuple[StockLine, ...]:
    """Stock and units sold of the products that buyers wanted most, as steps of at most ``BUCKETS`` each."""
    hot = connection.execute(
        f"select product from carts group by product order by sum(units) desc, product limit {HOT_PRODUCTS}"
    ).fetchall()
    lines = (_stock_line(connection, product, start_us) for (product,) in hot)
    return tuple(line for line in lines if len(line.at_s) > 1)


def _stock_line(connection: duckdb.DuckDBPyConnection, product: str, start_us: int) -> StockLine:
    rows: Sequence[tuple[float, float, float]] = connection.execute(
        f"""
        with told as (
            select commit, sum(stock) as stock, sum(sold) as sold from ledger where product = $product group by commit
        ), state as (
            select (ts_us - $start) / 1e6 as at_s, sum(told.stock) over so_far as stock,
                   sum(told.sold) over so_far as sold, commit
            from told join commits using (commit) window so_far as (order by commit)
        ), span as (select greatest(max(at_s) - greatest(min(at_s), 0), 1e-6) / {BUCKETS} as w from state)
        select max(at_s), arg_max(stock, commit), arg_max(sold, commit)
        from state, span group by floor(greatest(at_s, 0) / w) order by 1""",
        {"product": product, "start": start_us},
    ).fetchall()
    return StockLine(
        product,
        tuple(round(max(at_s, 0.0), 4) for at_s, _, _ in rows),
        tuple(float(stock) for _, stock, _ in rows),
        tuple(float(sold) for _, _, sold in rows),
    )
