"""How an attempt at placing an order can end."""

from enum import StrEnum


class Outcome(StrEnum):
    """Exactly one of these ends every attempt.

    Only ``UNKNOWN`` leaves open whether the order happened: a lost answer is neither a yes nor a no,
    and calling it a failure would make the harness accuse a correct shop.
    """

    OK = "ok"
    SOLD_OUT = "sold_out"
    REFUSED = "refused"
    ABORTED = "aborted"
    ERROR = "error"
    UNKNOWN = "unknown"

    @property
    def is_definite_no(self) -> bool:
        """Whether the shop said that nothing happened."""
        return self not in (Outcome.OK, Outcome.UNKNOWN)
