"""Whether a server is there that ought to be: else buyers met its end, and not the shop."""

from doorbuster.engine.errors import HarnessError
from doorbuster.model.server import Server
from doorbuster.postgres.connect import TROUBLE, connect


async def still_there(server: Server) -> None:
    """Raises HarnessError where it is gone, though nobody of ours ended it for good."""
    try:
        connection = await connect(server.dsn("postgres"))
    except TROUBLE as problem:
        raise HarnessError(f"the Postgres server is gone: {problem}") from None
    await connection.close()
