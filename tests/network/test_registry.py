from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from doorbuster.network.adapter import Proxy
from doorbuster.network.faults import FAULTS, BadFault, BadParameters, Fault, make_fault, registered
from doorbuster.network.toxics import Bandwidth, Toxic


@dataclass(frozen=True)
class Trickle(Fault):
    kind: ClassVar[str] = "trickle"
    rate_kb_s: int = 1

    def toxics(self) -> tuple[Toxic, ...]:
        return (Bandwidth(rate_kb_s=self.rate_kb_s),)


class NotADataclass(Trickle):
    pass


@dataclass(frozen=True)
class WithoutKind(Fault):
    def toxics(self) -> tuple[Toxic, ...]:
        return ()


@dataclass(frozen=True)
class WithoutHeal(Fault):
    kind: ClassVar[str] = "half"

    def apply(self, proxy: Proxy) -> None: ...


@dataclass(frozen=True)
class WrongSignature(Trickle):
    def heal(self) -> None: ...  # type: ignore[override]


@dataclass(frozen=True)
class Async(Trickle):
    async def apply(self, proxy: Proxy) -> None: ...  # type: ignore[override]


@dataclass(frozen=True)
class WithoutDefault(Fault):
    kind: ClassVar[str] = "strict"
    rate_kb_s: int

    def toxics(self) -> tuple[Toxic, ...]:
        return (Bandwidth(rate_kb_s=self.rate_kb_s),)


@dataclass(frozen=True)
class ProofIsAMethod(Trickle):
    def proof_sql(self) -> str:  # type: ignore[override]
        return ""


def test_a_fault_of_ten_lines_is_enough() -> None:
    assert registered(Trickle) == {"trickle": Trickle}
    assert Trickle(rate_kb_s=2).describe() == "trickle (rate_kb_s=2)"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (dict, "no subclass of Fault"),
        (NotADataclass, "no frozen dataclass"),
        (WithoutKind, "its kind is no string"),
        (WithoutHeal, "neither toxics, nor both apply and heal"),
        (WrongSignature, "heal has the wrong parameters"),
        (Async, "apply is async"),
        (WithoutDefault, "cannot be made without parameters"),
        (ProofIsAMethod, "proof_sql is no property"),
    ],
)
def test_a_bad_fault_is_refused_with_the_signature_expected(bad: Any, reason: str) -> None:
    with pytest.raises(BadFault, match=reason) as caught:
        registered(bad)
    assert "def toxics(self)" in str(caught.value)


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(BadFault, match="'trickle' is taken"):
        registered(Trickle, Trickle)


@pytest.mark.parametrize("kind", FAULTS)
def test_an_unknown_parameter_is_refused_and_the_known_are_named(kind: str) -> None:
    with pytest.raises(BadParameters, match=f"fault {kind}: unknown parameter latencyms; known: "):
        make_fault(kind, {"latencyms": 5.0})


def test_the_known_parameters_are_named() -> None:
    with pytest.raises(BadParameters, match="known: latency_ms, jitter_ms"):
        make_fault("slow", {"latency": 5.0})


def test_an_unknown_fault_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(BadParameters, match="known: slow, ack_lost, never_sent, blackhole, refused, reset"):
        make_fault("slwo", {})


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("slow", {"latency_ms": -5.0}),
        ("slow", {"latency_ms": 0.0}),
        ("slow", {"latency_ms": 2.5}),
        ("slow", {"latency_ms": float("inf")}),
        ("slow", {"latency_ms": float("nan")}),
        ("slow", {"latency_ms": "100"}),
        ("slow", {"latency_ms": True}),
        ("slow", {"latency_ms": 100.0, "jitter_ms": 100.0}),
        ("blackhole", {"upstream": 2.0}),
        ("blackhole", {"upstream": 0.0, "downstream": 0.0}),
        ("reset", {"timeout_ms": -1.0}),
    ],
)
def test_a_bad_value_is_refused(kind: str, parameters: dict[str, object]) -> None:
    with pytest.raises(BadParameters, match=f"fault {kind}: "):
        make_fault(kind, parameters)


@pytest.mark.parametrize(
    ("kind", "parameters", "description"),
    [
        ("slow", {"latency_ms": 100.0}, "100 ms added each way"),
        ("slow", {"latency_ms": 100.0, "jitter_ms": 20.0}, "100 ms ± 20 ms added each way"),
        ("ack_lost", {}, "connections are cut at the first byte of an answer"),
        ("ack_lost", {"after_bytes": 150.0}, "connections are cut after 150 bytes of answers"),
        ("never_sent", {}, "connections are cut at the first byte of a request"),
        ("blackhole", {}, "all data vanishes on the way to the server and on the way back"),
        ("blackhole", {"upstream": 0.0}, "all data vanishes on the way back"),
        ("refused", {}, "connections are closed and new ones refused"),
        ("reset", {"timeout_ms": 5.0}, "connections are reset after 5 ms at the first data on the way back"),
        (
            "reset",
            {"step_bytes": 40.0},
            "connections are reset after 0 bytes on the way back, 40 bytes later in each pulse",
        ),
    ],
)
def test_a_fault_describes_itself_in_words(kind: str, parameters: dict[str, object], description: str) -> None:
    assert make_fault(kind, parameters).describe() == description
