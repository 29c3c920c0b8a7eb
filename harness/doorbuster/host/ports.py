"""Ports that nobody else takes while nobody listens on them."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10240
USUAL_START = 32768  # where Linux's own range begins; other systems' begins at 49152


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens, below the range the kernel serves outgoing connections from.

    A killed server's port must be free when it starts again. From the kernel's range any outgoing connection could
    take it meanwhile, even a buyer's own: a connection from a port to itself succeeds. Another process may still take
    the port before the caller does, so callers retry.

    Raises:
        OSError: no port found.
    """
    for _ in range(200):
        port = random.randrange(LOWEST, max(_kernels_start(), LOWEST + 1000))
        if is_free(port):
            return port
    raise OSError(f"no free TCP port found on {LOOPBACK}")


def is_free(port: int) -> bool:
    """Whether one could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _kernels_start() -> int:
    try:
        return int(RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_START
