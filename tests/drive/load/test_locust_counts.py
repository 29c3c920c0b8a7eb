"""Orders counted in Locust many at once are as if each had been reported. In a process of its own: Locust patches."""

import json
import subprocess
import sys

PROGRAM = """
import json, random
from locust.stats import RequestStats
from doorbuster.drive.load.live import Done
from doorbuster.drive.load.locust_counts import METHOD, count_in_locust

random.seed(3)
done = [Done(random.choice(["ok", "ok", "sold_out", "unknown"]), random.expovariate(0.01), random.choice("ab"))
        for _ in range(500)]
many, each = RequestStats(), RequestStats()
for start in range(0, len(done), 70):
    count_in_locust(many, done[start:start + 70])
for outcome, latency, phase in done:
    each.log_request(METHOD, f"{phase} {outcome}", latency, 0)
    if outcome == "unknown":
        each.log_error(METHOD, f"{phase} {outcome}", outcome)

def told(entry):
    return [entry.num_requests, entry.num_failures, round(entry.total_response_time, 3), entry.min_response_time,
            entry.max_response_time, {k: n for k, n in sorted(entry.response_times.items()) if n},
            sum(entry.num_reqs_per_sec.values())]

def all_of(stats):
    return [told(stats.total), *(told(stats.entries[key]) for key in sorted(stats.entries)),
            sorted((e.name, e.occurrences) for e in stats.errors.values())]

print(json.dumps([all_of(many), all_of(each)]))
"""


def test_many_at_once_are_as_if_each_had_been_reported() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    many, each = json.loads(done.stdout.splitlines()[-1])
    assert many == each
    assert many[0][0] == 500
