"""In CI, as root, everything can be had: a test that does not run there is a test that fails."""

import os
from collections.abc import Generator

import pytest

IS_STRICT = bool(os.environ.get("CI")) and os.geteuid() == 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IS_STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be missing: {report.longrepr}"
    return report
