"""Locust as a process: how it is told that it ended badly."""

from pathlib import Path

import pytest
from doorbuster.drive.load.launch import DriverFailed, locust
from doorbuster.host.guardian import Guardian


async def test_a_locust_that_cannot_start_is_told_by_its_error_and_its_log(tmp_path: Path) -> None:
    missing = tmp_path / "no such plan.json"
    with Guardian() as guardian, pytest.raises(DriverFailed) as caught:
        async with locust(missing, 1, tmp_path, guardian) as driver:
            assert [event async for event in driver.events()] == []
    told = str(caught.value)
    assert f"Locust ended with code 1: FileNotFoundError: [Errno 2] No such file or directory: '{missing}'" in told
    assert f"(more in {tmp_path / 'locust.log'})" in told
