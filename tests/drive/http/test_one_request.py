"""A load over HTTP goes through Locust's fast client, and each attempt is one request, by the shop's own log."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
from doorbuster.engine.loading import job_of
from doorbuster.engine.run import RunSettings, run
from doorbuster.host.resources import resource
from doorbuster.model.verdict import Verdict

ORDERS = 240
BROKEN: list[dict[str, Any]] = [
    {"kind": "ack_lost", "target": "shop", "start_s": 0.5, "duration_s": 1.2, "pulse_s": 0.1, "every_s": 0.3},
    {"kind": "reset", "target": "shop", "start_s": 2.0, "duration_s": 1.2, "pulse_s": 0.1, "every_s": 0.3},
]
LOAD = {
    "name": "cut", "kind": "load", "description": "A test.",
    "workload": {"arrivals": "rate", "buyers": 12, "products": 10, "stock": 1000},
    "phases": [{"name": "all", "duration_s": 4, "rate": ORDERS / 4}],
    "faults": BROKEN, "checks": {"require": ["duplicate_order", "lost_order"]},
}  # fmt: skip


def attempts(folder: Path, where: str, table: str = "attempts") -> set[int]:
    query = f"select attempt from read_parquet('{folder}/{table}.parquet') where {where}"
    return {attempt for (attempt,) in duckdb.connect().execute(query).fetchall()}


def test_each_attempt_of_a_load_is_one_request_also_where_connections_die(tmp_path: Path) -> None:
    contract = tmp_path / "logged.toml"
    contract.write_text(
        f'extends = "{resource("scenarios/contracts/http_shop.toml")}"\n'
        '[place.http]\nurl = "/api/checkout/create-order?attempt=:attempt"\n'
        '[place.http.server]\ncommand = ["{python}", "-m", "shop", "--errors", "honest", "--access-log"]\n'
    )
    result = run(job_of(contract, LOAD), RunSettings(out=tmp_path, seed=7, command="test"), lambda _: None)
    (scenario,) = result.scenarios
    assert scenario.verdict is Verdict.PASS
    (folder,) = tmp_path.glob("*/cut")
    requests = Counter(map(int, re.findall(r"create-order\?attempt=(\d+) HTTP", (folder / "shop.log").read_text())))
    assert max(requests.values()) == 1
    answered = attempts(folder, "outcome = 'ok'")
    assert len(answered) >= ORDERS // 2
    assert attempts(folder, "code in ('eof', 'reset')")
    assert answered <= requests.keys()
    assert requests.keys() <= attempts(folder, "true") | attempts(folder, "true", "probes")
