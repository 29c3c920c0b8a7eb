"""How much memory this process has had."""

import resource
from pathlib import Path


def peak_mb() -> float:
    """The most memory that this process has had.

    Not what getrusage says where the kernel tells more: that begins with what the process had that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (told,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(told.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
