"""The tables of a stored run: one place for their columns, in order, with DuckDB's types."""

ATTEMPTS = {
    "attempt": "BIGINT",
    "order_key": "VARCHAR",
    "try_no": "INTEGER",
    "buyer": "INTEGER",
    "phase": "VARCHAR",
    "due_us": "BIGINT",
    "invoked_us": "BIGINT",
    "returned_us": "BIGINT",
    "duration_us": "BIGINT",
    "outcome": "VARCHAR",
    "order_id": "VARCHAR",
    "code": "VARCHAR",
    "message": "VARCHAR",
    "backend_pid": "INTEGER",
}
# One row an order that became due, written when it is taken up; started_us is NULL for one that no buyer ever started.
REQUESTS = {
    "order_key": "VARCHAR",
    "customer": "VARCHAR",
    "total": "VARCHAR",
    "order_class": "VARCHAR",
    "phase": "VARCHAR",
    "due_us": "BIGINT",
    "started_us": "BIGINT",
}
REQUEST_LINES = {
    "order_key": "VARCHAR",
    "line": "INTEGER",
    "product": "VARCHAR",
    "quantity": "BIGINT",
    "price": "VARCHAR",
}
# One row an attempt that had to connect first, and how long that took: the others have their connection already.
CONNECTS = {"attempt": "BIGINT", "order_key": "VARCHAR", "waited_us": "BIGINT"}
FAULT_WINDOWS = {"name": "VARCHAR", "kind": "VARCHAR", "applied_us": "BIGINT", "healed_us": "BIGINT"}
# attempt is the one whose tag the transaction carries; tag is the harness's own ('stock', 'end', …) where it made it.
COMMITS = {
    "commit": "BIGINT",
    "lsn": "VARCHAR",
    "xid": "BIGINT",
    "ts_us": "BIGINT",
    "attempt": "BIGINT",
    "tag": "VARCHAR",
}
# data is the row as the log tells it; relation as the catalogue prints it.
CHANGES = {"commit": "BIGINT", "seq": "BIGINT", "relation": "VARCHAR", "op": "VARCHAR", "data": "VARCHAR"}

# Sessions of buyers at a moment without faults: "open", while buyers are connected, or "left", when they are long gone.
SESSIONS = {
    "taken": "VARCHAR",
    "at_us": "BIGINT",
    "pid": "INTEGER",
    "state": "VARCHAR",
    "in_transaction": "BOOLEAN",
    "locks": "VARCHAR",
    "query": "VARCHAR",
}
# One row a session of a deadlock that the server's own log tells of.
DEADLOCKS = {
    "deadlock": "BIGINT",
    "at_us": "BIGINT",
    "pid": "INTEGER",
    "is_victim": "BOOLEAN",
    "detail": "VARCHAR",
}
COUNTERS = {"name": "VARCHAR", "value": "BIGINT"}
# One row an attempt at an order of a reserved product, after everything had healed.
PROBES = {
    "attempt": "BIGINT",
    "order_key": "VARCHAR",
    "product": "VARCHAR",
    "invoked_us": "BIGINT",
    "returned_us": "BIGINT",
    "outcome": "VARCHAR",
    "code": "VARCHAR",
    "message": "VARCHAR",
    "limit_us": "BIGINT",
}
# What was done during a drill, and when.
HAPPENINGS = {
    "at_us": "BIGINT",
    "what": "VARCHAR",
    "fault": "VARCHAR",
    "kind": "VARCHAR",
    "target": "VARCHAR",
    "text": "VARCHAR",
}

# One row a restock, cancellation or release. None is retried, so each is one transaction at most, which carries its
# number where a buyer's carries its attempt's.
OPERATIONS = {
    "operation": "BIGINT",
    "kind": "VARCHAR",
    "order_key": "VARCHAR",
    "order_id": "VARCHAR",
    "product": "VARCHAR",
    "quantity": "BIGINT",
    "invoked_us": "BIGINT",
    "returned_us": "BIGINT",
    "duration_us": "BIGINT",
    "outcome": "VARCHAR",
    "code": "VARCHAR",
    "message": "VARCHAR",
    "backend_pid": "INTEGER",
}
# One row a retired endpoint that was asked, for a product that nobody else wants and while nobody else was there;
# status is NULL where no answer came.
RETIRED = {
    "endpoint": "VARCHAR",
    "product": "VARCHAR",
    "invoked_us": "BIGINT",
    "returned_us": "BIGINT",
    "status": "INTEGER",
    "message": "VARCHAR",
}
# Numbers from here up are operations', beyond all attempts of buyers.
FIRST_OPERATION = 1 << 52

# What a buyer's session was at, at one moment: its wait event as the server names it, and the row that it waited for.
SAMPLES = {
    "at_us": "BIGINT",
    "pid": "INTEGER",
    "state": "VARCHAR",
    "kind": "VARCHAR",
    "event": "VARCHAR",
    "row": "VARCHAR",
    "blocked_by": "INTEGER",
}

# What the server's own log told of itself: what ended it or its sessions, and how it came back.
SERVER_LOG = {"at_us": "BIGINT", "level": "VARCHAR", "pid": "INTEGER", "text": "VARCHAR", "times": "BIGINT"}

# Journals that the driving process writes as CSV while it goes on, and that are sealed into Parquet afterwards.
JOURNALS = {
    "attempts": ATTEMPTS,
    "requests": REQUESTS,
    "request_lines": REQUEST_LINES,
    "connects": CONNECTS,
    "fault_windows": FAULT_WINDOWS,
    "sessions": SESSIONS,
    "deadlocks": DEADLOCKS,
    "counters": COUNTERS,
    "probes": PROBES,
    "operations": OPERATIONS,
    "happenings": HAPPENINGS,
    "retired": RETIRED,
    "server_log": SERVER_LOG,
    "samples": SAMPLES,
}
# Tables that runs of an earlier version do not have: empty there.
LATER = frozenset({
    "connects",
    "counters",
    "deadlocks",
    "happenings",
    "operations",
    "probes",
    "server_log",
    "sessions",
    "samples",
    "retired",
})
TABLES = {**JOURNALS, "commits": COMMITS, "changes": CHANGES}
