from collections.abc import Callable

import pytest
from doorbuster.network.toxics import (
    TOXICS,
    BadToxic,
    Bandwidth,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
)

GOOD = [
    Latency(latency_ms=1, jitter_ms=2),
    LimitData(limit_bytes=0),
    ResetPeer(timeout_ms=3),
    Timeout(timeout_ms=0),
    SlowClose(delay_ms=4),
    Bandwidth(rate_kb_s=5),
    Slicer(average_size_bytes=6, size_variation_bytes=5, delay_us=7),
]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Latency(latency_ms=-1),
        lambda: Latency(latency_ms=1, jitter_ms=-1),
        lambda: Latency(latency_ms=1.5),  # type: ignore[arg-type]
        lambda: Latency(latency_ms=True),
        lambda: Latency(latency_ms=10**15),
        lambda: LimitData(limit_bytes=-1),
        lambda: Timeout(timeout_ms=-1),
        lambda: Bandwidth(rate_kb_s=0),
        lambda: Slicer(average_size_bytes=0),
        lambda: Slicer(average_size_bytes=5, size_variation_bytes=5),
        lambda: LimitData(limit_bytes=0, toxicity=7),
        lambda: LimitData(limit_bytes=0, toxicity=-0.1),
        lambda: LimitData(limit_bytes=0, toxicity=float("nan")),
        lambda: LimitData(limit_bytes=0, stream="sideways"),  # type: ignore[arg-type]
    ],
)
def test_a_toxic_that_toxiproxy_would_misunderstand_cannot_be_made(make: Callable[[], Toxic]) -> None:
    with pytest.raises(BadToxic):
        make()


@pytest.mark.parametrize("toxic", GOOD, ids=lambda toxic: toxic.type)
def test_a_toxic_survives_the_way_to_the_wire_and_back(toxic: Toxic) -> None:
    read = TOXICS[toxic.type].from_wire(
        name=toxic.name, stream=toxic.stream, toxicity=toxic.toxicity, attributes=toxic.attributes()
    )
    assert read == toxic


def test_a_toxic_is_named_after_its_type_and_stream_unless_told_otherwise() -> None:
    assert LimitData(limit_bytes=0, stream="upstream").name == "limit_data_upstream"
    assert LimitData(limit_bytes=0, name="mine").name == "mine"
