"""Faults are refused when they are registered, and their mistakes when they are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import pytest
from doorbuster.engine.faults import ALL_FAULTS, fault_of, server_settings
from doorbuster.faults import SITE_FAULTS, BadParameters, Site, SiteFault
from doorbuster.faults.registry import registered
from doorbuster.model.fault import FaultPlan
from doorbuster.model.fault_registry import BadFault
from doorbuster.model.scenario import Scenario


@dataclass(frozen=True)
class Good(SiteFault):
    kind: ClassVar[str] = "good"

    @contextmanager
    def applied(self, site: Site) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class WithoutApplied(SiteFault):
    kind: ClassVar[str] = "idle"


class NotADataclass(Good):
    pass


@dataclass(frozen=True)
class WithoutDefault(Good):
    size: int


@pytest.mark.parametrize("bad", [WithoutApplied, NotADataclass, WithoutDefault, int])
def test_a_bad_fault_is_refused_with_the_signature_expected(bad: type[SiteFault]) -> None:
    with pytest.raises(BadFault, match="A fault looks like this"):
        registered(bad)


def test_a_kind_is_taken_once() -> None:
    assert registered(Good) == {"good": Good}
    with pytest.raises(BadFault, match="taken"):
        registered(Good, Good)


@pytest.mark.parametrize("kind", SITE_FAULTS)
def test_every_fault_says_what_it_does_and_how_to_prove_it(kind: str) -> None:
    fault = SITE_FAULTS[kind].from_parameters({})
    assert not fault.describe().startswith(kind)
    assert "$name" in fault.proof_sql


def test_a_fault_of_the_server_takes_no_link() -> None:
    with pytest.raises(BadParameters, match="leave 'target' out"):
        fault_of(FaultPlan(kind="failover", start_s=1, duration_s=1, target="database"))
    with pytest.raises(BadParameters, match="disk_full"):
        fault_of(FaultPlan(kind="earthquake", start_s=1, duration_s=1))
    assert not set(SITE_FAULTS) & (set(ALL_FAULTS) - set(SITE_FAULTS))


def test_a_scenario_that_breaks_the_server_says_what_server_it_needs() -> None:
    def scenario(*kinds: str) -> Scenario:
        plans = tuple(FaultPlan(kind=kind, start_s=1, duration_s=1) for kind in kinds)
        return Scenario(name="x", kind="load", description="x", faults=plans)

    assert server_settings(scenario("slow", "worker_stalled")) is None
    assert server_settings(scenario("failover", "slow_disk")) == {
        "max_connections": "30", "fsync": "on", "commit_siblings": "0",
    }  # fmt: skip
