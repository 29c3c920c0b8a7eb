"""A buyer behind a shop that has one session: what happens there is his, and nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from doorbuster.drive.buyer import Buyer
from doorbuster.drive.sql_buyer import AttemptEnd
from doorbuster.model.order import Order


class Seat(Protocol):
    """Whoever can be stopped at the gates of his session."""

    @property
    def backend_pid(self) -> int | None:
        """The server's process behind his session; None while he has none."""

    async def connect(self) -> None: ...

    async def attempt(self, order: Order, attempt: int) -> AttemptEnd: ...

    async def execute(self, sql: str) -> None:
        """Run a statement that is no part of an order over his session."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Seats:
    """One ``gated`` seat a buyer, and as many ``free`` buyers, whom no gate stops."""

    gated: Sequence[Seat]
    free: Sequence[Buyer]


@dataclass(frozen=True, slots=True)
class ShopSeat:
    """A buyer and the only session, ``backend_pid``, of the shop that he buys at."""

    buyer: Buyer
    backend_pid: int

    async def connect(self) -> None:
        """Open the buyer's connection to the shop."""
        await self.buyer.connect()

    async def attempt(self, order: Order, attempt: int) -> AttemptEnd:
        """Try once to place ``order``."""
        return await self.buyer.attempt(order, attempt)

    async def execute(self, sql: str) -> None:
        """Raises NotImplementedError: the session is the shop's."""
        raise NotImplementedError("a shop's session runs what the shop says")

    def close(self) -> None:
        """Drop the buyer's connection."""
        self.buyer.close()
