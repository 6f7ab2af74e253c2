"""Conversations are held through the recordings' own player."""

import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from conversing import Server, recordings


@pytest.fixture(scope="session")
def play() -> ModuleType:
    """The recordings' own player, so that what counts as equal is what it says."""
    folder = recordings()
    if folder is None:
        pytest.skip("no recordings")
    spec = importlib.util.spec_from_file_location("play", folder / "play.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hold(play: ModuleType) -> Callable[[str, list[dict[str, Any]]], list[str]]:
    """Hold a conversation with a fresh Api; answers where it differs from the recording."""

    def held(name: str, steps: list[dict[str, Any]]) -> list[str]:
        server = Server()
        play.request = lambda args, method, path, body, headers: server.ask(method, path, body, headers)
        now = play.hold(None, name, [step["request"] for step in steps])
        return [
            f"step {number} {step['request']['method']} {step['request']['path']}: {difference}"
            for number, (step, got) in enumerate(zip(steps, now, strict=True), start=1)
            for difference in play.differences(step["answer"], got["answer"])
        ]

    return held
