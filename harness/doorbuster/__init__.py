"""Doorbuster: a concurrency and chaos test harness for checkout code on PostgreSQL."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("doorbuster")
except PackageNotFoundError:  # run from a bare checkout
    __version__ = "0"
