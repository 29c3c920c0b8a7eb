"""A shop that is left up after its drill, for people to look at."""

import os
from pathlib import Path

from doorbuster.engine.shop import Shop
from doorbuster.engine.stage import Stage
from doorbuster.engine.store import judge_stored, load_run
from doorbuster.host.interrupts import hold
from doorbuster.model.events import Notice
from doorbuster.model.server import Server


async def hold_shop(stage: Stage, shop: Shop, server: Server, name: str) -> None:
    """Say where everything is, and leave it up until Ctrl-C or the time limit. The drill is recorded and read by now.

    What people do there is no part of the run.
    """
    most_s = stage.options.hold_s
    folder = stage.folder.resolve()
    with stage.house.toxiproxy.proxy(f"{name}_held", f"{server.host}:{server.port}") as proxy:
        direct, through = (_file(stage, n, server.dsn(shop.direct.database), server.port, port)
                           for n, port in (("direct", server.port), ("through_toxiproxy", proxy.port)))  # fmt: skip
        lines = [
            f"{stage.scenario.name}: {_verdict(stage)}; the shop stays up until Ctrl-C, at most {most_s:g} s",
            f'  database, direct             psql "$(cat {direct})"',
            f'  database, through Toxiproxy  psql "$(cat {through})"',
            f"  Toxiproxy                    {stage.house.toxiproxy.api.url}/proxies",
            f"  journal                      {folder / 'journal.txt'}",
            f"  recorded tables              {folder}",
        ]

        def say() -> None:
            for line in lines:
                stage.emit(Notice(line))

        asked = await hold(most_s, say)
    stage.emit(Notice("taking it down, as asked" if asked else "the time limit is over: taking it down"))


def _file(stage: Stage, name: str, dsn: str, port: int, shown_port: int) -> Path:
    """A file with the URI to connect to; only its owner can read it, and it goes when the server does."""
    path = stage.house.scratch / f"{name}.dsn"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(dsn.replace(f":{port}/", f":{shown_port}/"))
    return path


def _verdict(stage: Stage) -> str:
    """What the drill showed, known before it is reported."""
    return judge_stored(load_run(stage.folder.parent), stage.scenario.name).verdict.value
