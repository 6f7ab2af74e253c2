"""In CI, as root, everything can be had: a test that does not run there is a test that fails.

No property test has a deadline by the clock: a busy machine is no defect.
"""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from stead.runtimes.native import cgroups

settings.register_profile("stead", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stead")

IS_STRICT = bool(os.environ.get("CI")) and os.geteuid() == 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nothing is lent to root: those tests run as an ordinary user (`make test` does both). Control groups of version 2
    are had under a kernel of their own where the machine has none (`tools/cgroup2`).
    """
    is_root = os.geteuid() == 0
    elsewhere = {"lent": is_root, "cgroup2": not (is_root and cgroups.has_version_2())}
    names = {name for name, is_elsewhere in elsewhere.items() if is_elsewhere}
    others = {item for item in items if names & {mark.name for mark in item.iter_markers()}}
    config.hook.pytest_deselected(items=list(others))
    items[:] = [item for item in items if item not in others]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IS_STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be missing: {report.longrepr}"
    return report
