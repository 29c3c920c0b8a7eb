"""The faults of the server and of workers, by their kind. A new one is a file beside this and a line in SITE_FAULTS."""

from doorbuster.faults.base import BadParameters, CannotBreak, Site, SiteFault
from doorbuster.faults.connections_exhausted import ConnectionsExhausted
from doorbuster.faults.disk_full import DiskFull
from doorbuster.faults.failover import Failover
from doorbuster.faults.registry import registered
from doorbuster.faults.server_stalled import ServerStalled
from doorbuster.faults.slow_disk import SlowDisk
from doorbuster.faults.worker_stalled import WorkerStalled

__all__ = ["SITE_FAULTS", "BadParameters", "CannotBreak", "Site", "SiteFault"]

SITE_FAULTS: dict[str, type[SiteFault]] = registered(
    ServerStalled,
    Failover,
    ConnectionsExhausted,
    DiskFull,
    SlowDisk,
    WorkerStalled,
)
