"""Ports that stay ours while nobody listens on them."""

import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10240
USUAL_START = 32768  # where Linux's own range begins; other systems' begins at 49152


def quiet_port() -> int:
    """A free TCP port of 127.0.0.1 below the range from which the kernel serves outgoing connections and port 0.

    While a proxy is disabled its port is free. From the kernel's range any outgoing connection of the machine could
    take it, even the buyer's own: a connection from a port to itself succeeds. OSError when no port is found.
    """
    for _ in range(200):
        port = random.randrange(LOWEST, max(_kernels_start(), LOWEST + 1000))
        if _is_free(port):
            return port
    raise OSError("no free TCP port found on 127.0.0.1")


def _kernels_start() -> int:
    try:
        return int(RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_START


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
