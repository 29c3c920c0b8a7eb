"""The client's history: one row an attempt."""

from dataclasses import dataclass

from doorbuster.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at placing an order, with exactly one outcome.

    Instants are microseconds of the machine's wall clock since 1970, because they are compared with commit
    timestamps; ``duration_us`` comes from the monotonic clock. The interval [``invoked_us``, ``returned_us``] is
    closed: invoked is taken before the first byte goes out, returned after the answer is understood, so an order that
    an acknowledged attempt made took effect somewhere inside it. ``returned_us`` is None where the client gave up
    without an answer *and* never came back (the harness stopped): such an attempt never ends.
    """

    attempt: int
    order_key: str
    try_no: int
    buyer: int
    phase: str
    due_us: int | None
    invoked_us: int
    returned_us: int | None
    duration_us: int
    outcome: Outcome
    order_id: str | None = None
    code: str | None = None
    message: str | None = None
    backend_pid: int | None = None
