"""A shop whose carts are filled beside the orders: what does so meets the faults, too, and is no fault of the shop."""

import time

import pytest
from doorbuster.model.verdict import Verdict
from doorbuster.postgres.embedded import EmbeddedServer

from tests.contracts.conftest import Judge, example, violated

FEW_KILLS = {"at": "load", "kills": 3, "calm_s": 0.1}
LONGER_S = 0.3


def test_carts_are_filled_while_the_server_is_being_killed(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    kill = EmbeddedServer.kill

    def takes_a_while(server: EmbeddedServer) -> None:
        kill(server)
        time.sleep(LONGER_S)  # dead, and nobody has been told

    monkeypatch.setattr(EmbeddedServer, "kill", takes_a_while)
    result = judged(example("cart_table"), "crash", crash=FEW_KILLS, checks={"require": ["lost_order"]})
    assert result.error is None
    assert violated(result) == {}
    assert result.verdict is Verdict.PASS
