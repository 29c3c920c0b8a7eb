"""The kinds of scenarios and who drives them. A new kind is a file and a line here."""

from doorbuster.engine.crash import run_crash
from doorbuster.engine.cut import run_cut
from doorbuster.engine.interleave import run_interleave
from doorbuster.engine.load import run_load
from doorbuster.engine.stage import Drive
from doorbuster.engine.stateful import run_stateful

KINDS: dict[str, Drive] = {
    "load": run_load,
    "cut": run_cut,
    "crash": run_crash,
    "stateful": run_stateful,
    "interleave": run_interleave,
}
