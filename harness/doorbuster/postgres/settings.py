"""How a disposable server is set up, and why."""

from doorbuster.host.ports import LOOPBACK

DEFAULTS = {
    "wal_level": "logical",
    "max_wal_senders": "16",
    "max_replication_slots": "16",
    "wal_sender_timeout": "0",  # a reader that is slow on purpose must not be cut
    "fsync": "off",  # a killed process loses nothing that the operating system holds
    "full_page_writes": "off",
    "synchronous_commit": "on",  # off would make losing an acknowledged commit legal
    "statement_timeout": "0",
    "client_connection_check_interval": "0",  # both change which unanswered attempts commit
    "deadlock_timeout": "1s",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "lc_messages": "C",
    "jit": "off",
    "password_encryption": "scram-sha-256",
}
# Statements counted, those inside functions too. A server whose programs lack the library goes without.
COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all"}
LOCAL = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "log_destination": "stderr",
    "logging_collector": "off",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that nothing stays in /dev/shm after SIGKILL
}
