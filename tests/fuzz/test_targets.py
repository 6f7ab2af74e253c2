"""Changed samples into every parser of ours: it answers or refuses, soon. What was found once is kept below."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.findings import FINDINGS
from tests.fuzz.making import changed
from tests.fuzz.targets import TARGETS

EXAMPLES = 120
MOST_SECONDS = 2.0


def fed(name: str, data: bytes) -> None:
    began = time.process_time()
    TARGETS[name].run(data)
    assert time.process_time() - began < MOST_SECONDS, f"{name} took {time.process_time() - began:.1f} s"


@pytest.mark.parametrize("name", TARGETS)
def test_samples(name: str) -> None:
    for data in TARGETS[name].samples:
        fed(name, data)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_samples(name: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(changed(TARGETS[name].samples))
    def into(data: bytes) -> None:
        fed(name, data)

    into()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str) -> None:
    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=300))
    def into(data: bytes) -> None:
        fed(name, data)

    into()


@pytest.mark.parametrize(("name", "data"), FINDINGS)
def test_findings(name: str, data: bytes) -> None:
    fed(name, data)
