"""``docs/checks.md``, written from the headers of the checks and the tables that they read.

    python -m tests.docs.checks        (or make reference)

A test compares the page with what this gives, so that neither can change alone.
"""

from collections.abc import Iterator

from doorbuster.judge.checks import standard_checks
from doorbuster.judge.views import empty_run

from tests.docs.pages import DOCS
from tests.judge.histories import Rules, contract_of

PAGE = DOCS / "checks.md"
HEAD = """# The checks

Written from the headers of `sql/checks/*.sql` by `make reference`; a test holds the two together. A row of a check is
a violation. A check that nothing exercised has not passed, and one whose ground cannot be seen is *unobservable*;
neither is a pass. Why the rules are what they are: [two witnesses](two-witnesses.md).
"""
PROOF = """
## How the judge itself is tested

- For every check there are histories in pairs, one good and one bad, small enough to read: `tests/golden/`.
- A good recorded run is corrupted in one place, in 27 ways (`tests/judge/corruptions.toml`); each is caught.
- `make peers` draws random concurrent histories, with orders, refusals, lost answers, several products and shops that
  lie, and compares each verdict with that of Porcupine, an independent checker of linearizability. Measured: 5,000 of
  5,000 agreed, of which 1,623 were illegal.
- `make bench` measures the judge on made runs of a million and ten million attempts, and Porcupine beside it. Measured
  on two quiet cores: a million in 0.9 to 1.1 s with 0.9 GB, ten million in 8.3 to 9.9 s with 1.6 GB.

## Plain orders, and the rest

Nearly all orders are *plain*: the key was tried once and told yes, with this order's id or none; that attempt's
transaction made this order and did nothing else, while the attempt was under way; the order's lines are the cart and
add up to the total, each is deducted from the stock and has its movement; and nothing else in the history names the
order or its key. Joins over all rows tell which orders' answers, times, ids or names speak against them. Whether the
lines, carts, stock, movements and totals of all others agree is asked once, by sums of hashes; only where sums differ,
more joins look for the orders (`sql/screen.sql`). The checks then look at the *rest*: tables of the same names in the
schema `rest`, without the rows of plain orders. They find the same there:

- What a row says of an order, a key, an attempt or a commit rests on rows of that order, its key, its attempts and
  their commits, or on others that name it. A plain order meets each such check by its definition, and whoever is
  named by a row of the rest, by an order's id, a key, or the customer of an order that no attempt made, is in the
  rest as well.
- What a row says of a product rests on sums along the log. A plain order takes from the stock what it adds to units
  sold, and its movements say the same, so it changes none of the differences that are summed up. Where stock itself
  is asked for (below zero, enough of it during an attempt), all of it is read.
- How much exercised a check counts plain orders in, by their number.
- Keys and ids are told by hashes of 64 bits. Two different ones have the same by a chance of one in 2^64, and it would
  matter only if the shop took just these two for each other.
- Each line of a plain order adds a hash of what has to be equal (its key, product and units; its commit, product and
  units; these with its order's id) to one sum, and each line of a cart, deduction or movement one to another. Sums of
  hashes that are not of the same things are equal by a chance of one in 2^64. Sums of amounts are weighted by 40 bits
  of a hash of the commit, so that what is too much in one total makes up for what lacks in another by a chance of one
  in 2^40. The first lines of carts are summed as well, by key: so two orders cannot share a cart, each with a part.

Where an order can lawfully be half done (several calls, late repairs), where lines are told in other products than the
cart's, and where journals may have gaps, none is taken for plain. A test spoils made histories at random, and holds
each check's rows, and each table, against what the whole history gives.

## How the log is read

The slot is made before the shelves are stocked, so that the first state is in the log, too. It is read over a
connection that no fault touches, and a reading counts only if it holds a marker that was committed after the last
attempt had ended.

What is read is *peeked*: the slot is told that it may forget a stretch only when that stretch is in Parquet. A server
that is killed in between may send it again; repeats are dropped by their place in the log. A run whose log is shorter
than 64 MiB is read once, at the end. Of a longer load the log is read while it runs, whenever the slot holds back
more than that, so neither the harness's memory nor the server's disk grows with the run. `make bench` measures how
many orders a second are read, and the most that was held back.

A transaction belongs to the attempt whose tag it carries; the tag costs an order a few microseconds (`tag_cost_us` of
`make bench`). One without a tag, such as a shop's behind HTTP, belongs to the order key that its order claims, to
that of its customer, or to the buyer who was told its id. `attribution` in `result.json` says how many orders were
tied in which way.

## Where there is no log

A server that is not ours may keep no log for us. Then the state before the first buyer and the state at the end stand
in for it. What the final state alone shows to be wrong convicts all the same (`conservation`, `oversold`,
`duplicate_order`, `lost_order`, `movements`, `wrong_amount`, `ghost_order`, `bad_order_accepted`); what does not look
at the log is judged as ever; all else is unobservable, with the reason, also where the final state looks right,
because nobody saw what lay between. A run with a required check that could not be observed is inconclusive, unless
its scenario names that check in `[checks] accept_unobservable`.

## The tables that checks may read

A shop's [own checks](own-checks.md) may read them, too. `commit` is a transaction's number in commit order; every
table that has one speaks of the state at that commit's end. Names in `_us` are microseconds, of the wall clock since
1970 where they are instants. `order_key` and `attempt` are the harness's own. More tables stand in `sql/views.sql`;
they may change.
"""
TABLES = {
    "attempts": "one try of a buyer; `returned_us` and `order_id` are null where no answer, or no id, came",
    "requests": "what was wanted by an order key: its class (`valid`, or a way of being bad), when due, when begun",
    "request_lines": "one line of a cart",
    "carts": "what an order key wants of a product, summed",
    "order_results": "the end of all tries at an order key, and how long its buyer waited",
    "commits": "one transaction; `attempt` by its tag; `tag` where the harness itself made it",
    "made_by": "one transaction, with the attempt and the order key that it belongs to, however that is known",
    "changes": "one changed row as the log prints it",
    "stock": "one change of a product's stock",
    "orders": "one order that was ever live; the commits that made and ended it; what its attempt was `told`",
    "lines": "what a commit did to the units of an order's line",
    "sold": "a change of the units that a live order holds; `units` is what it then holds",
    "movements": "what a commit wrote into the ledger of movements",
    "initial_stock": "what was on the shelf before the first buyer",
    "faults": "a stretch in which a fault was on",
    "sessions": "a buyer's session that was looked at: while all are `open`, or `left` when all should be gone",
    "deadlocks": "one session of a deadlock in the server's own log",
    "probes": "a try at an order of a reserved product, after healing",
    "operations": "a restock, cancellation or release; its number is that of its commit's `attempt`",
}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_checks(), PROOF, *_tables(), ""])


def _checks() -> Iterator[str]:
    yield "| check | what a row means | why a right shop has none | what exercises it |"
    yield "| --- | --- | --- | --- |"
    for check in standard_checks().values():
        yield f"| `{check.name}` | {check.means} | {check.sound} | {check.exercised_by} |".replace("||", r"\|\|")


def _tables() -> Iterator[str]:
    yield "| table | a row is | columns |"
    yield "| --- | --- | --- |"
    with empty_run(contract_of(Rules())) as connection:
        for table, row in TABLES.items():
            columns = [f"`{name}`" for (name, *_) in connection.execute(f"describe {table}").fetchall()]
            yield f"| `{table}` | {row} | {', '.join(columns)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
