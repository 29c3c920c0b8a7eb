"""Why a run could not do its work: from an exception to what the user is told and the exit code."""

import asyncio
import traceback
from dataclasses import dataclass

from doorbuster.config.mistakes import ConfigError
from doorbuster.engine.errors import HarnessError, UsageError
from doorbuster.judge.checks import BadCheck
from doorbuster.judge.views import BadMapping
from doorbuster.model.verdict import Verdict
from doorbuster.network.errors import NoToxiproxy, ToxiproxyError
from doorbuster.postgres.deploy import DeployError
from doorbuster.postgres.errors import PostgresError

USAGE = 2
INTERRUPTED = 130
_USAGE_ERRORS = (ConfigError, UsageError, DeployError, BadMapping, BadCheck)
_HARNESS_ERRORS = (HarnessError, PostgresError, ToxiproxyError, NoToxiproxy)
_TRACEBACK_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told: ``details`` is the traceback where the harness itself has a bug."""

    message: str
    exit_code: int
    details: str = ""


def explain(problem: BaseException) -> Failure:
    """The failure behind ``problem``."""
    while isinstance(problem, BaseExceptionGroup) and len(problem.exceptions) == 1:
        problem = problem.exceptions[0]
    if isinstance(problem, (KeyboardInterrupt, asyncio.CancelledError)):
        return Failure("interrupted", INTERRUPTED)
    if isinstance(problem, _USAGE_ERRORS):
        return Failure(str(problem), USAGE)
    if isinstance(problem, _HARNESS_ERRORS):
        return Failure(str(problem), Verdict.ERROR.exit_code)
    first_line = next(iter(str(problem).splitlines()), "")
    details = "".join(traceback.format_exception(problem))[-_TRACEBACK_CHARACTERS:]
    message = f"a bug in the harness: {type(problem).__name__}: {first_line}"
    return Failure(message, Verdict.ERROR.exit_code, details)
