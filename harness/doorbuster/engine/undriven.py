"""A scenario that this server cannot be made to do: nothing is driven or called a pass, and the reason is told."""

from doorbuster.engine.stage import Stage
from doorbuster.engine.store import facts
from doorbuster.record.log_text import leave_no_log
from doorbuster.record.seal import seal_journals


def leave_undriven(stage: Stage, reason: str) -> None:
    """Leave in the stage's folder what a judge needs to say so: empty tables and the reason."""
    with facts(stage.folder, stage.seed) as known:
        known["unobservable"] = reason
    leave_no_log(stage.folder)
    seal_journals(stage.folder)
