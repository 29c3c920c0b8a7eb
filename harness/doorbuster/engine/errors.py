"""Why a run could not do its work, as opposed to what it found."""


class HarnessError(Exception):
    """The harness could not do its work (no server, Toxiproxy gone): exit 3."""


class UsageError(Exception):
    """The user's files cannot be used, which only the database could tell: exit 2. The message has place and cure."""


class NotPossible(Exception):
    """This server cannot be made to do what a scenario asks: the scenario is inconclusive, and the message says why."""
