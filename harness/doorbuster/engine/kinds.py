"""The kinds of scenarios and who drives them. A new kind is a file and a line here."""

from doorbuster.engine.crash import run_crash
from doorbuster.engine.cut import run_cut
from doorbuster.engine.fitting import fitting
from doorbuster.engine.interleave import run_interleave
from doorbuster.engine.load import run_load
from doorbuster.engine.stage import Drive
from doorbuster.engine.stateful import run_stateful

KINDS: dict[str, Drive] = {
    "load": fitting(run_load),
    "cut": fitting(run_cut),
    "crash": fitting(run_crash),
    "stateful": fitting(run_stateful),
    "interleave": fitting(run_interleave),
}
