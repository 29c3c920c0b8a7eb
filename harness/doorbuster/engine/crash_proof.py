"""The queries that prove that crashes of each kind happened."""

from typing import get_args

from doorbuster.model.crash import CrashKind
from doorbuster.network.faults.base import over_touched

_PROOF = """
select count(*) filter (outcome = 'unknown') as marks,
       format('{} times, {} attempts without an answer', (select count(*) from windows),
              count(*) filter (outcome = 'unknown'))
from touched
"""
# The server itself says that it cancelled a call: a definite answer.
_CANCELLED = """
select count(*) as marks,
       format('{} times, {} attempts cancelled', (select count(*) from windows), count(*))
from touched where code = '57014'
"""
CRASH_PROOFS = {
    kind: over_touched(_CANCELLED if kind == "cancel" else _PROOF) for kind in get_args(CrashKind)
}
