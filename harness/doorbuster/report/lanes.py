"""A story as lanes: one an attempt, on a common scale of time, with its commits as marks and in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from doorbuster.model.story import Story, StoryAttempt, StoryCommit
from doorbuster.report.text import clean, label, number

WIDTH = 1000
_SIGNS = {"ok": "ok", "unknown": "open"}


@dataclass(frozen=True, slots=True)
class Lane:
    """One attempt; ``x``, ``width`` and ``marks`` in units of which the whole story has ``WIDTH``."""

    who: str
    outcome: str
    sign: str
    span: str
    x: float
    width: float
    marks: tuple[float, ...]
    steps: tuple[str, ...]
    said: str
    rival: bool


def lanes(story: Story) -> tuple[Lane, ...]:
    """The story's attempts as lanes, in its order."""
    end_ms = max([*(t for a in story.attempts for t in _instants(a)), 1e-3])
    names = {key: n for n, key in enumerate(dict.fromkeys(a.order_key for a in story.attempts), 1)}
    return tuple(_lane(a, end_ms, f"order {a.order_key[:8]}" if len(names) > 1 else "") for a in story.attempts)


def told(story: Story) -> Iterator[str]:
    """The story in lines of plain text, for a console or a log."""
    for lane in lanes(story):
        yield f"{lane.span}: {lane.who}: {label(lane.outcome)}" + (f" – {lane.said}" if lane.said else "")
        yield from (f"  {step}" for step in lane.steps)


def _instants(attempt: StoryAttempt) -> Iterator[float]:
    yield attempt.from_ms
    yield from () if attempt.to_ms is None else (attempt.to_ms,)
    yield from (commit.at_ms for commit in attempt.commits)


def _lane(attempt: StoryAttempt, end_ms: float, order: str) -> Lane:
    scale = WIDTH / end_ms
    to_ms = end_ms if attempt.to_ms is None else attempt.to_ms
    who = ", ".join(filter(None, ["another buyer" if attempt.rival else "", order, f"try {attempt.try_no}"]))
    until = f"{number(round(attempt.to_ms, 1))} ms" if attempt.to_ms is not None else "no end"
    return Lane(
        clean(who[0].upper() + who[1:]),
        attempt.outcome,
        _SIGNS.get(attempt.outcome, "no"),
        f"{number(round(attempt.from_ms, 1))} to {until}",
        round(max(0.0, attempt.from_ms) * scale, 1),
        round(max(2.0, (to_ms - attempt.from_ms) * scale), 1),
        tuple(round(min(max(0.0, commit.at_ms) * scale, WIDTH - 3), 1) for commit in attempt.commits),
        tuple(_step(commit) for commit in attempt.commits),
        clean(attempt.said),
        attempt.rival,
    )


def _step(commit: StoryCommit) -> str:
    return clean(f"{number(round(commit.at_ms, 1))} ms, commit {commit.commit:,}: {'; '.join(commit.did)}")
