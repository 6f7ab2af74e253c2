"""Every recorded conversation with a real Kubernetes 1.36 API server, held again with ours."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conversing import recordings

ON_PURPOSE = {
    "discovery-legacy": "the real server also serves kinds whose behaviour stead does not have",
    "watch-initial-events": "the recorded server's etcd was too old for streamed lists; stead has them",
}


def conversations() -> Iterator[Any]:
    folder = recordings()
    for file in sorted(folder.glob("*.json")) if folder else ():
        for name, steps in json.loads(file.read_text()).items():
            marks = [pytest.mark.xfail(reason=ON_PURPOSE[name], strict=True)] if name in ON_PURPOSE else []
            yield pytest.param(name, steps, id=name, marks=marks)


@pytest.mark.parametrize(("name", "steps"), list(conversations()))
def test_answers_are_those_of_the_real_server(
    name: str, steps: list[dict[str, Any]], hold: Callable[[str, list[dict[str, Any]]], list[str]]
) -> None:
    assert hold(name, steps) == []
