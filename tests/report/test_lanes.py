from doorbuster.model.story import Story, StoryAttempt, StoryCommit
from doorbuster.report.lanes import WIDTH, lanes, told


def attempt(key: str, outcome: str, from_ms: float, to_ms: float | None, *commits: StoryCommit) -> StoryAttempt:
    return StoryAttempt(1, key, 1, outcome, from_ms, to_ms, "", key != "a", commits)


STORY = Story(
    "2026-03-01T12:00:00.000000+00:00",
    (
        attempt("a", "unknown", 0.0, None, StoryCommit(7, 25.0, ("order 3", "stock of product 1: 1 → 0"))),
        attempt("b", "ok", 10.0, 50.0, StoryCommit(8, 50.0, ("stock of product 1: 0 → -1",))),
    ),
)


def test_lanes_share_one_scale_of_time() -> None:
    first, second = lanes(STORY)
    assert (first.x, first.width, first.marks) == (0.0, WIDTH, (500.0,))
    assert (second.x, second.width, second.marks) == (200.0, 800.0, (WIDTH - 3,))


def test_a_story_is_told_in_lines() -> None:
    assert list(told(STORY)) == [
        "0 to no end: Order a, try 1: unknown",
        "  25 ms, commit 7: order 3; stock of product 1: 1 → 0",
        "10 to 50 ms: Another buyer, order b, try 1: ok",
        "  50 ms, commit 8: stock of product 1: 0 → -1",
    ]
