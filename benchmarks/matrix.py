"""The gate on several versions of PostgreSQL: a table of scenarios by version.

    python benchmarks/matrix.py /usr/lib/postgresql/15/bin DIR… [--set gate] [--seed 7]

Each DIR holds the server's binaries. Exits 1 if any run does not pass.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MARKS = {"pass": "pass", "violation": "VIOLATION", "inconclusive": "inconclusive", "slow": "slow", "error": "ERROR"}


def main() -> int:
    """Run all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--set", default="gate", dest="chosen")
    parser.add_argument("--scenario", action="append", default=[], help="only this one; may be given again")
    parser.add_argument("--seed", default="7")
    options = parser.parse_args()
    results = [run(folder, options.scenario, options.chosen, options.seed) for folder in options.folders]
    print(table(results))
    return int(any(result["exit_code"] for result in results))


def run(folder: Path, scenarios: list[str], chosen: str, seed: str) -> dict[str, Any]:
    """The result of one run; where none was written, its exit code and what it said."""
    with tempfile.TemporaryDirectory() as out:
        what = scenarios or ["--set", chosen]
        command = [sys.executable, "-m", "doorbuster", "run", *what, "--seed", seed, "--pg-bin", str(folder), "--quiet",
                   "--out", out]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = list(Path(out).glob("*/result.json"))
        print(f"{folder}: exit {done.returncode}", file=sys.stderr, flush=True)
        if not found:
            return {"exit_code": done.returncode, "postgres": {}, "scenarios": [], "error": done.stdout + done.stderr}
        return dict(json.loads(found[0].read_text()))


def table(results: list[dict[str, Any]]) -> str:
    """Scenarios by version, in Markdown; the last row is the whole run."""
    names = list(dict.fromkeys(s["name"] for result in results for s in result["scenarios"]))
    versions = [result["postgres"].get("version", "?") for result in results]
    rows = [["scenario", *versions], ["---"] * (len(versions) + 1)]
    for name in names:
        rows.append([f"`{name}`", *(_cell(result, name) for result in results)])
    rows.append(["exit code, seconds", *(f"{r['exit_code']}, {r.get('duration_s', 0):.0f} s" for r in results)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(result: dict[str, Any], name: str) -> str:
    found = [s for s in result["scenarios"] if s["name"] == name]
    return f"{MARKS[found[0]['verdict']]}, {found[0]['orders']:,} orders" if found else "not run"


if __name__ == "__main__":
    sys.exit(main())
