"""Pauses before a client tries again."""

from random import Random

from doorbuster.drive.backoff import FIRST_S, MOST_S, pause_s


def test_pauses_grow_up_to_a_limit_and_differ() -> None:
    chance = Random(1)
    tries = {try_no: [pause_s(try_no, chance) for _ in range(100)] for try_no in range(1, 9)}
    assert all(FIRST_S <= pause <= 2 * FIRST_S for pause in tries[1])
    assert all(MOST_S / 2 <= pause <= MOST_S for pause in tries[8])
    assert min(tries[3]) > max(tries[1])
    assert len(set(tries[8])) == 100
