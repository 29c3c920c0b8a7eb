"""The shop that a test opens, as pytest's fixtures give it: orders, goods, and assertions that tell a story."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.engine.bench import Bench, BreakableLine, CheckoutDatabase
from doorbuster.engine.trial_shop import TrialShop, Want
from doorbuster.judge.checks import standard_checks
from doorbuster.model.check import CheckStatus
from doorbuster.model.result import RunResult, ScenarioResult
from doorbuster.model.verdict import Verdict
from doorbuster.report.evidence import failure_text

PlaceOrder = Callable[..., AttemptEnd]


class ShopOfATest:
    """A shop in a test's database. ``database`` is that database; orders go through the contract's own statements."""

    def __init__(self, trial: TrialShop, folder: Path) -> None:
        self._trial, self._folder = trial, folder
        self.database = trial.database

    def product(self, stock: int = 10, price: str | None = None) -> str:
        """Put another product on the shelf, with ``stock`` units: its id, as text."""
        return self._trial.product(stock, price)

    def place_order(
        self, lines: Mapping[str, int] | str | None = None, *, order_key: str | None = None,
        customer: str | None = None, through: BreakableLine | None = None,
    ) -> AttemptEnd:  # fmt: skip
        """Try once to place an order of ``lines`` (units by product, or one product), and tell how it ended.

        Without ``lines``, one unit of a new product. The same ``order_key`` again is a retry of the same order, by the
        same customer. ``through`` is a line that may be broken: the fixture ``toxiproxy``.
        """
        cart = self.product() if lines is None else lines
        return self._trial.place(cart, order_key=order_key, customer=customer, through=through)

    def place_together(
        self, carts: Sequence[Mapping[str, int] | str], *, order_keys: Sequence[str] = (),
        through: BreakableLine | None = None,
    ) -> tuple[AttemptEnd, ...]:  # fmt: skip
        """Place an order a cart, by as many buyers released at one moment; ``order_keys`` may give each its key."""
        keys = [*order_keys, *[None] * (len(carts) - len(order_keys))]
        wants = [Want({c: 1} if isinstance(c, str) else c, key) for c, key in zip(carts, keys, strict=True)]
        return self._trial.together(wants, through=through)

    def judge(self) -> ScenarioResult:
        """Close the shop, read its log, and judge; no order can be placed afterwards."""
        return self._trial.judge()

    @property
    def is_judged(self) -> bool:
        """Whether its log has been read already."""
        return self._trial.result is not None

    def violated(self) -> frozenset[str]:
        """The names of the checks that the log violates; judges."""
        return frozenset(c.name for c in self.judge().checks if c.status is CheckStatus.VIOLATED)

    def assert_sound(self, *checks: str) -> None:
        """Raises AssertionError, with the story, if any check is violated, or one of ``checks`` was not exercised."""
        __tracebackhide__ = True  # pytest shows the test's own line, and the story
        result = self.judge()
        held = {c.name for c in result.checks if c.status is CheckStatus.HOLDS}
        missing = [check for check in checks if check not in held]
        if result.error or self.violated() or missing:
            lines = [f"not put to the test: {check}" for check in missing if check not in self.violated()]
            raise AssertionError("\n".join([self._told(result), *lines]))

    def _told(self, result: ScenarioResult) -> str:
        verdict = Verdict.VIOLATION if self.violated() else Verdict.INCONCLUSIVE
        whole = RunResult(
            verdict=verdict, exit_code=verdict.exit_code, seed=0, started=datetime.now(UTC).isoformat(),
            duration_s=result.duration_s, command="", postgres={}, toxiproxy={}, contract={}, scenarios=(result,),
        )  # fmt: skip
        text = failure_text(whole, standard_checks())
        return "\n".join(line for line in text.splitlines() if not line.startswith("  replay: "))


@contextmanager
def open_shop(bench: Bench, database: CheckoutDatabase, folder: Path, name: str) -> Iterator[ShopOfATest]:
    """A shop for the length of a block; a block that ends well without having judged is judged at its end.

    Raises:
        AssertionError: the log shows a violation.
    """
    trial = TrialShop(bench, database, standard_checks(), folder, name)
    trial.open()
    shop = ShopOfATest(trial, folder)
    try:
        yield shop
        if not shop.is_judged and trial.orders:
            shop.assert_sound()
    finally:
        trial.close()
