"""``python -m shop``: serve the shop on HOST and PORT, over the database that DATABASE_URL names."""

import argparse
import os
import sys
from collections.abc import Sequence

MISSING = """\
The example shop needs Starlette and uvicorn, which are not installed here ({missing}).
Type:  pip install 'doorbuster[shop]'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; 3 where a package is missing."""
    try:
        import uvicorn

        from shop.app import Settings, make_app
    except ModuleNotFoundError as problem:
        if problem.name not in ("starlette", "uvicorn"):
            raise
        sys.stderr.write(MISSING.format(missing=problem.name))
        return 3
    options = _parser().parse_args(arguments)
    settings = Settings(
        database_url=options.database,
        errors=options.errors,
        flow=options.flow,
        pool=options.pool,
        timeout_s=options.timeout_s,
        role=options.role,
        retries_serialization=options.retry_serialization,
        items_argument=options.items_argument,
        keeps_retired=options.keep_retired,
    )
    uvicorn.run(
        make_app(settings), host=options.host, port=options.port, timeout_graceful_shutdown=2,
        log_level="info" if options.access_log else "warning", access_log=options.access_log,
    )  # fmt: skip
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop", description=__doc__)
    environment = os.environ
    port = int(environment.get("PORT", "8000"))
    parser.add_argument("--database", default=environment.get("DATABASE_URL"), help="default: $DATABASE_URL")
    parser.add_argument("--host", default=environment.get("HOST", "127.0.0.1"), help="default: $HOST, else 127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="default: $PORT, else 8000")
    parser.add_argument("--errors", choices=["honest", "as_published"], default="honest",
                        help="honest: 503 where the outcome is unknown; as_published: 400 on any error")  # fmt: skip
    parser.add_argument("--flow", choices=["one_call", "two_step"], default="one_call",
                        help="two_step: create-order, then update-inventory, as the shop once did")  # fmt: skip
    parser.add_argument("--pool", type=int, default=16, help="connections to the database (16)")
    parser.add_argument("--timeout-s", type=float, default=0.7, help="how long it waits for the database (0.7)")
    parser.add_argument("--role", help="the database role of every request, as PostgREST sets it")
    parser.add_argument("--retry-serialization", action="store_true",
                        help="repeat a call that failed with 40001 without bound, as PostgREST 14 does")  # fmt: skip
    parser.add_argument("--items-argument", default="order_items_data",
                        help="what create-order calls the function's items (order_items_data)")  # fmt: skip
    parser.add_argument("--keep-retired", action="store_true",
                        help="one_call, and update-inventory still does what it did")  # fmt: skip
    parser.add_argument("--access-log", action="store_true", help="write a line for every request")
    return parser


if __name__ == "__main__":
    sys.exit(main())
