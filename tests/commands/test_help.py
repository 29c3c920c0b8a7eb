"""Help comes at once: what is heavy is imported by the command that needs it."""

import subprocess
import sys

CODE = """
import sys
from doorbuster import cli
sys.argv = ["doorbuster", "--help"]
try:
    cli.main()
except SystemExit:
    pass
print("LOADED", *sorted({m.split(".")[0] for m in sys.modules}))
print("COMMANDS", *(m for m in sys.modules if m.startswith("doorbuster.")))
"""
HEAVY = {
    "asyncio", "asyncpg", "duckdb", "gevent", "hypothesis", "jinja2", "locust", "pglast", "pydantic", "requests",
    "rich",
}  # fmt: skip


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    loaded, ours = done.stdout.splitlines()[-2:]
    assert "doorbuster run" in done.stdout
    assert not HEAVY & set(loaded.split())
    assert ours.split() == ["COMMANDS", "doorbuster.cli"]
