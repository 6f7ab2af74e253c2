"""A StatefulSet that is scaled and rolled all the while, and what must never be seen of it: one identity twice."""

import random
from pathlib import Path
from typing import Any

from tests.crashes.living import Down, Stead, Worker
from tests.crashes.writing import MERGE

SETS = "/apis/apps/v1/namespaces/default/statefulsets"
PODS = "/api/v1/namespaces/default/pods"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
MOST = 3
# Every start of an identity takes the one lock that lies in its volume; who finds it taken says so in the same place.
PROGRAM = """
exec 9>>/v/lock
flock -n 9 || echo "$(hostname) twice" >> /v/twice
echo start >> /v/starts
trap 'exit 0' TERM
while :; do sleep 0.5 9>&- & wait; done
"""


def stateful_set(stead: Stead, program: str = PROGRAM) -> Any:
    labels = {"app": "c"}
    container = {
        "name": "c",
        "image": "host:shell",
        "command": ["sh", "-c", program],
        "env": [{"name": "MARK", "value": stead.mark}],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    spec = {
        "replicas": 2,
        "serviceName": "c",
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
        },
        "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": claim}],
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "c"}, "spec": spec}


class Roller(Worker):
    """Scales, changes the template, deletes pods."""

    def __init__(self, stead: Stead, seed: int, seconds: float) -> None:
        super().__init__(stead)
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._stead = stead
        self.deeds = 0

    def work(self) -> None:
        deed = self._chance.choice((self._scale, self._roll_out, self._delete_pod))
        code, answer = deed()
        self.deeds += 1
        is_refused = code == 503 and "full" in str(answer)
        if (code >= 500 and not is_refused) or code in (400, 403, 422):
            self.broken.append(f"{deed.__name__} answered {code}: {answer}")
        self.stopping.wait(self._chance.random() * self._seconds)

    def _scale(self) -> tuple[int, Any]:
        return self.client.ask("PATCH", f"{SETS}/c", {"spec": {"replicas": self._chance.randint(1, MOST)}}, MERGE)

    def _roll_out(self) -> tuple[int, Any]:
        template = {"metadata": {"annotations": {"roll": str(self.deeds)}}}
        return self.client.ask("PATCH", f"{SETS}/c", {"spec": {"template": template}}, MERGE)

    def _delete_pod(self) -> tuple[int, Any]:
        return self.client.ask("DELETE", f"{PODS}/c-{self._chance.randrange(MOST)}")


def is_settled(stead: Stead) -> bool:
    try:
        _, found = stead.client.ask("GET", f"{SETS}/c")
        _, pods = stead.client.ask("GET", PODS)
    except Down:
        return False
    status, wanted = found.get("status", {}), found["spec"]["replicas"]
    is_whole = status.get("observedGeneration") == found["metadata"]["generation"]
    is_rolled = status.get("currentRevision") == status.get("updateRevision")
    return is_whole and is_rolled and status.get("readyReplicas", 0) == wanted == len(pods["items"])


def check_processes(stead: Stead) -> list[str]:
    """Once settled, each pod has its one container, nothing else lives, and no identity ever lived twice."""
    broken = [f"{path}: {path.read_text()}" for path in volumes(stead).glob("*/twice")]
    if stead.runtime == "simulated":
        return broken
    _, pods = stead.client.ask("GET", PODS)
    mains = [pid for pid in stead.containers() if _is_main(pid)]
    if len(mains) != len(pods["items"]):
        broken.append(f"{len(pods['items'])} pods and {len(mains)} containers: {mains}")
    return broken


def _is_main(pid: int) -> bool:
    """The container's first process, not one of its sleeps."""
    try:
        return b"flock" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def volumes(stead: Stead) -> Path:
    return stead.data / "volumes"
