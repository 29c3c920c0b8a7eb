"""Comparing latencies: what is noise is not called a difference, and what is one is found."""

from random import Random

import pytest
from doorbuster.config.compared import parse_relative
from doorbuster.judge.compare import Sample, compare
from doorbuster.judge.profiles import Baseline, Block, Phase, Profile, bin_of, value_of
from doorbuster.model.comparison import Compliance, Difference


def blocks(latencies_ms: list[float], size: int = 40) -> tuple[Block, ...]:
    found = []
    for start in range(0, len(latencies_ms), size):
        block: Block = {}
        for ms in latencies_ms[start : start + size]:
            number = bin_of(round(ms * 1000))
            block[number] = block.get(number, 0) + 1
        found.append(block)
    return tuple(found)


def run(seed: int, factor: float = 1.0, orders: int = 2000, wave: float = 0.5) -> Baseline:
    """Latencies around 10 ms with a long tail, that rise and fall together: a machine's mood lasts for some orders."""
    chance, mood, found = Random(seed), 1.0, []
    for n in range(orders):
        if n % 40 == 0:
            mood = 1 + chance.uniform(0, wave)
        found.append(factor * mood * (5 + chance.expovariate(1 / 5)))
    profile = Profile("pass", {"steady": Phase(orders, blocks(found))}, {"oversold": "holds"}, {"ok": orders})
    return Baseline(f"run {seed}", "now", {"load": profile}, {"contract function_sha256": "abc"})


def differences(before: Baseline, now: Baseline) -> dict[str, Difference]:
    return {c.metric: c.difference for c in compare(before, now, [], 1, "x").latencies}


@pytest.mark.parametrize("us", [0, 1, 999, 2047, 2048, 12_345, 504_900, 10_000_000, 2**40])
def test_a_bin_keeps_three_significant_digits(us: int) -> None:
    assert value_of(bin_of(us)) * 1000 == pytest.approx(us, rel=0.001, abs=0.5)


def test_bins_are_in_order() -> None:
    values = [*range(5000), *range(5000, 10**7, 997)]
    numbers = [bin_of(v) for v in values]
    assert numbers == sorted(numbers)


def test_a_quantile_is_that_of_the_orders() -> None:
    sample = Sample(blocks([float(n) for n in range(1, 1001)]))
    assert sample.quantile_ms(0.5) == pytest.approx(500, rel=0.002)
    assert sample.quantile_ms(0.99) == pytest.approx(990, rel=0.002)


def test_two_runs_of_the_same_shop_rarely_differ() -> None:
    """One or two in a hundred comparisons may: eight pairs of runs, whose noise comes in waves."""
    found = [d for n in range(8) for d in differences(run(n), run(n + 100)).values()]
    assert len(found) == 24
    assert sum(d is not Difference.NONE for d in found) <= 1


def test_drawing_single_orders_would_cry_wolf_where_blocks_do_not() -> None:
    """The reason for blocks: with one order a block the same pairs differ far more often."""

    def lonely(one: Baseline) -> Baseline:
        profile = one.scenarios["load"]
        apart = tuple({number: 1} for b in profile.phases["steady"].blocks for number, n in b.items() for _ in range(n))
        return Baseline(one.name, "now", {"load": Profile("pass", {"steady": Phase(400, apart)}, {}, {})})

    pairs = [(run(n, wave=3, orders=400), run(n + 100, wave=3, orders=400)) for n in range(4)]
    by_block = [differences(*pair)["p50"] for pair in pairs]
    by_order = [differences(*map(lonely, pair))["p50"] for pair in pairs]
    assert by_order.count(Difference.NONE) < by_block.count(Difference.NONE)


@pytest.mark.parametrize(("factor", "wanted"), [(1.5, Difference.SLOWER), (0.6, Difference.FASTER)])
def test_a_true_difference_is_found(factor: float, wanted: Difference) -> None:
    assert set(differences(run(1), run(2, factor)).values()) == {wanted}


def test_the_same_seed_says_the_same() -> None:
    assert compare(run(1), run(2), [], 5, "x") == compare(run(1), run(2), [], 5, "x")


def test_too_few_orders_say_nothing() -> None:
    found = differences(run(1, orders=400), run(2, orders=400))
    assert found["p50"] is Difference.NONE
    assert found["p99"] is Difference.TOO_FEW


@pytest.mark.parametrize(("factor", "expression", "status"), [
    (1.0, "p99 < baseline * 2", Compliance.HOLDS),
    (3.0, "p99 < baseline * 2", Compliance.VIOLATED),
    (1.0, "p50 < baseline", Compliance.UNDECIDED),
    (3.0, "p50 < baseline * 1.1 + 1s", Compliance.HOLDS),
    (1.0, "p99.9 < baseline * 9", Compliance.UNDECIDED),
    (1.0, "p50 < baseline * 2 in no_such_phase", Compliance.UNDECIDED),
])  # fmt: skip
def test_a_threshold_holds_only_where_that_is_certain(factor: float, expression: str, status: Compliance) -> None:
    (judged,) = compare(run(1), run(2, factor), [parse_relative(expression)], 1, "x").thresholds
    assert judged.status is status, judged.reason


def test_what_else_changed_is_said() -> None:
    before, now = run(1), run(2)
    profile = now.scenarios["load"]
    changed = Profile("violation", profile.phases, {"oversold": "violated"}, {"ok": 1000, "unknown": 1000})
    now = Baseline(now.name, "now", {"load": changed, "other": changed}, {"contract function_sha256": "def"})
    told = {change.what: (change.before, change.now) for change in compare(before, now, [], 1, "x").changes}
    assert told == {
        "contract function_sha256": ("abc", "def"), "load: verdict": ("pass", "violation"),
        "load: check oversold": ("holds", "violated"), "load: share of ok": ("100%", "50%"),
        "load: share of unknown": ("–", "50%"), "other": ("not there", "there"),
    }  # fmt: skip


def test_runs_without_a_scenario_in_common_prove_nothing() -> None:
    found = compare(run(1), Baseline("x", "now", {}), [parse_relative("p50 < baseline * 2")], 1, "x")
    assert found.is_undecided


@pytest.mark.parametrize(
    "text", ["p99 < 500ms", "p99 > baseline", "p99 < baseline * x", "max < baseline", "p0 < baseline"]
)
def test_what_is_no_threshold_of_a_comparison_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"p99 < baseline \* 1\.2"):
        parse_relative(text)
