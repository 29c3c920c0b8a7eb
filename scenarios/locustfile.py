"""The Locust file of every load. Also by hand: ``locust -f scenarios/locustfile.py``, with its web page.

By hand it brings up a disposable shop (the hardened function, or the contract that DOORBUSTER_CONTRACT names), lets its
buyers order again and again, and judges what happened when you leave.
"""

from pathlib import Path

from doorbuster.drive.load.locust_buyers import Buyer, install

__all__ = ["Buyer"]


def _open_shop() -> Path:
    from doorbuster.engine.by_hand import open_shop  # only by hand: a run brings its own shop

    return open_shop()


install(_open_shop)
