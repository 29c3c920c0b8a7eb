import asyncio
import os
import signal
import subprocess
import sys

import pytest
from doorbuster.host.interrupts import AGAIN, Interrupts, interrupts, run_interruptibly


async def strike(*numbers: int) -> str:
    for number in numbers:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)
    await asyncio.sleep(60)
    return "never"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_request_cancels_what_runs(number: int) -> None:
    with interrupts() as asked, pytest.raises(KeyboardInterrupt):
        run_interruptibly(strike(number))
    assert asked.times == 1


def test_a_second_request_does_not_break_the_clean_up() -> None:
    done = []

    async def work() -> None:
        try:
            await strike(signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.05)
            done.append("cleaned up")

    with interrupts(), pytest.raises(KeyboardInterrupt):
        run_interruptibly(work())
    assert done == ["cleaned up"]


def test_who_insists_is_obeyed_again() -> None:
    async def stubborn() -> None:
        for _ in range(2):
            try:
                await strike(signal.SIGINT, signal.SIGINT, signal.SIGINT, signal.SIGINT)
            except asyncio.CancelledError:
                continue

    with interrupts() as asked, pytest.raises(KeyboardInterrupt):
        run_interruptibly(stubborn())
    assert asked.times == AGAIN


def test_a_request_that_was_swallowed_is_not_lost() -> None:
    async def deaf() -> str:
        try:
            return await strike(signal.SIGINT)
        except asyncio.CancelledError:
            return "went on"

    with interrupts(), pytest.raises(KeyboardInterrupt):
        run_interruptibly(deaf())


def test_after_a_request_nothing_new_starts() -> None:
    started = []

    async def work() -> None:
        started.append(1)

    with interrupts() as asked:
        asked.times = 1
        with pytest.raises(KeyboardInterrupt):
            run_interruptibly(work())
    assert started == []


def test_outside_a_loop_it_is_an_ordinary_keyboard_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts():
        os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interrupts() as asked:
        assert isinstance(asked, Interrupts)
        assert signal.getsignal(signal.SIGTERM) == asked.on_signal
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_signals_it_is_asyncio_run() -> None:
    async def work() -> int:
        return 7

    assert run_interruptibly(work()) == 7


@pytest.mark.parametrize("moment", ["raise KeyboardInterrupt", "raise ZeroDivisionError"])
def test_the_command_line_never_blames_the_checkout_for_an_interrupt_or_a_bug(moment: str) -> None:
    script = f"""
import click
from doorbuster import cli
@click.command()
def broken():
    {moment}
cli._Lazy.get_command = lambda *_: broken
import sys
sys.argv = ["doorbuster", "run"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == (130 if "Keyboard" in moment else 3), done.stderr
