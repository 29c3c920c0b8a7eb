"""What can go wrong with Toxiproxy."""


class ToxiproxyError(Exception):
    """Toxiproxy refused a request, answered something unexpected, or did not answer in time.

    ``status`` is the HTTP status of a refusal, None where no answer came.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ToxiproxyGone(ToxiproxyError):
    """The Toxiproxy process ended; every connection through it is closed and no fault can be healed or applied."""


class NoToxiproxy(Exception):
    """No usable Toxiproxy was found and none could be built; the text names everything tried, and the cure."""
