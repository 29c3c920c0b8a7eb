"""Buyers of a contract, whichever way it places its orders. Kinds of driving know no more of a buyer than this."""

from dataclasses import dataclass
from typing import Protocol

from doorbuster.config.answers import AnswerBook
from doorbuster.drive.flow import Flow, compile_flow
from doorbuster.drive.http.buyer import HttpBuyer
from doorbuster.drive.http.connection import HttpConnection, MakeLine
from doorbuster.drive.http.flow import HttpCall, compile_requests
from doorbuster.drive.sql_buyer import AttemptEnd, SqlBuyer, Target
from doorbuster.model.contract import Contract
from doorbuster.model.order import Order


class Buyer(Protocol):
    """Who places orders over a connection of his own, and knows what became of each attempt."""

    @property
    def backend_pid(self) -> int | None:
        """The server's process behind the present connection, where it is known."""

    @property
    def is_dead(self) -> bool:
        """Whether he died; whoever goes on in his place is another client."""

    async def connect(self) -> None:
        """Open the connection and get ready, so that the first order does not pay for it."""

    async def attempt(self, order: Order, attempt: int) -> AttemptEnd:
        """Try once to place ``order``."""

    def reconnect_at(self, target: Target) -> None:
        """Open every later connection at ``target``; the present one stays."""

    def close(self) -> None:
        """Drop the connection at once."""

    def die(self) -> None:
        """End as a killed process does."""


@dataclass(frozen=True, slots=True)
class Buyers:
    """Makes buyers of ``contract``, whose calls and rules are compiled once for all of them; over HTTP each has a
    ``line``."""

    contract: Contract
    flow: Flow
    requests: tuple[HttpCall, ...]
    book: AnswerBook
    line: MakeLine = HttpConnection
    fast: bool = False

    def at(self, target: Target, timeout_s: float | None = None) -> Buyer:
        """A buyer who connects at ``target`` and waits as long as the contract says, or ``timeout_s`` seconds."""
        patience_s = self.contract.buyer.timeout_s if timeout_s is None else timeout_s
        http = self.contract.place.http
        if http is None:
            return SqlBuyer(target, self.flow, self.book, patience_s, fast=self.fast)
        return HttpBuyer(
            target, self.requests, self.book, patience_s, keep_alive=http.keep_alive,
            connect_timeout_s=http.connect_timeout_s, line=self.line,
        )  # fmt: skip


def buyers_of(contract: Contract, line: MakeLine = HttpConnection, *, fast: bool = False) -> Buyers:
    """Who makes the buyers of ``contract``, where they order over HTTP each with a ``line``, else ``fast`` if they can.

    Raises:
        Untaggable: a statement that cannot carry a tag.
    """
    http = contract.place.http
    requests = compile_requests(http) if http is not None else ()
    return Buyers(contract, compile_flow(contract.place), requests, AnswerBook(contract.answers), line, fast)
