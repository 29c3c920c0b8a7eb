"""What can go wrong with the server, as opposed to with the function under test."""


class PostgresError(Exception):
    """The harness could not do its work with Postgres; the message says what was tried and what helps."""


class NoPostgres(PostgresError):
    """No usable server binaries on this machine."""


class ServerError(PostgresError):
    """The server did not start, or has gone; the message ends with its log's last lines."""


class NoConnection(PostgresError, OSError):
    """The server cannot be reached by a buyer where it must be; the message says where, and what it said."""
