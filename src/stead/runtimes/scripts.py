"""What a simulated container does: the script that annotations of its pod write.

A container starts, is ready, runs until it is stopped and then exits 0. Annotations of its pod change that, for all
containers or (`simulation.stead.dev/<container>.<word>`) for one:

    start-after: 2s       the start takes so long             ready-after: 3s    readiness and startup say no so long
    exit-after: 10s       it ends by itself                   unready: "true"    readiness always says no
    exit-code: "1"        with this code                      sick-after: 30s    liveness says no from then on
    exit-attempts: "2"    only its first two attempts do      image-missing: "true"   its image cannot be pulled
    stop-after: 2s        the stop signal takes so long       pull-after: 5s     its image takes so long
    image-attempts: "1"   only its first start finds its image   create-failures: "2"   it cannot be made twice
    start-fails: "true"   it is made, and its program cannot be run
"""

import re

from msgspec import Struct, field

from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.runtime import RuntimeEvent
from stead.machinery.times import Now

PREFIX = "simulation.stead.dev/"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)$")


class Container(Struct):
    attempt: int
    id: str
    started: Now
    state: str = "starting"  # running, exited
    told: RuntimeEvent | None = None  # the last event about this attempt
    is_ready: bool | None = None  # what set_ready said


class Pod(Struct):
    key: Key
    uid: str
    ip: str
    script: Json
    containers: dict[str, Container] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)  # how often a container could not be made

    def word(self, container: str, name: str) -> str | None:
        """What the script says under `name` for a container."""
        own = self.script.get(f"{PREFIX}{container}.{name}")
        found = own if own is not None else self.script.get(PREFIX + name)
        return None if found is None else str(found)

    def seconds(self, container: str, name: str, default: float) -> float:
        match = DURATION.match(self.word(container, name) or "")
        return float(match[1]) * UNITS[match[2]] if match else default

    def is_image_missing(self, container: str) -> bool:
        """Whether its image cannot be had: never, or not for more starts than it has had."""
        if self.word(container, "image-missing") == "true":
            return True
        most, known = self.word(container, "image-attempts"), self.containers.get(container)
        return most is not None and known is not None and known.attempt + 1 >= int(most)
