"""Requests drawn from our own OpenAPI document, against a whole stead in virtual time.

Half the bodies are drawn from the schema alone, half are objects that mean something with parts drawn anew, so that
some get past validation and meet the controllers. Nothing may answer
500 but what upstream answers without a reason, and no controller may break.
"""

import json
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from stead.api.request import Request, Response
from stead.cluster.config import Config
from stead.simulation.shell import Simulation
from tests.fuzz.samples import POD

# ruff: noqa: SIM905  words are read better than quoted words

Json = Mapping[str, Any]
NAMES = ["a", "b", "web", "web-0", "default", "kube-system", "x.y", "A", "", "n" * 254, "é", "..", "a/b"]
WORDS = [
    *NAMES,
    *"Always Never IfNotPresent OnFailure ClusterIP None NodePort ExternalName RollingUpdate OnDelete Parallel".split(),
    *"OrderedReady TCP UDP Retain Delete Orphan Background Foreground Exists Equal In NotIn NoExecute".split(),
    *"ReadWriteOnce ReadWriteOncePod Block Filesystem WaitForFirstConsumer Immediate True False Running".split(),
    *"100m 1Gi -1 1e400 0 1 25% 10.0.0.1 ::1 10.96.0.10 2026-01-01T00:00:00Z nginx:1 host:shell app=web * $(A)".split(),
    "\x00",
    "\ud83d\ude00",
    "x" * 5000,
    "{}",
    "%s%n",
    "system:masters",
]
NUMBERS = [0, 1, 2, 3, 5, 80, -1, 65536, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63) - 1, 0.5, 1e300]
PARAMETERS = {
    "labelSelector": ["app=web", "app in (a,b)", "!x", "((", "a,", "x>1", "=" * 50],
    "fieldSelector": ["metadata.name=a", "status.phase!=Running", "spec.x=1", "\\", "metadata.namespace=="],
    "limit": ["1", "0", "-1", "99999999999999999999", "x"],
    "continue": ["abc", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhL2IifQ", "e30"],
    "resourceVersion": ["0", "1", "-1", "99999999", "x", ""],
    "resourceVersionMatch": ["Exact", "NotOlderThan", "x"],
    "sendInitialEvents": ["true", "false", "x"],
    "allowWatchBookmarks": ["true"],
    "watch": ["1", "true", "x"],
    "timeoutSeconds": ["1", "0", "-5", "x"],
    "dryRun": ["All", "x"],
    "fieldValidation": ["Strict", "Warn", "Ignore", "x"],
    "fieldManager": ["m", "x" * 200, "\x01"],
    "force": ["true", "x"],
    "gracePeriodSeconds": ["0", "-1", "5", "x"],
    "propagationPolicy": ["Orphan", "Foreground", "x"],
    "orphanDependents": ["true"],
    "pretty": ["true"],
}
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
VIEWS = [*["application/json"] * 9, *["application/json;as=Table;v=v1;g=meta.k8s.io"] * 3, "*/*", "text/x", ""]
VIEWS.append("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json")
OPERATIONS = ["add", "remove", "replace", "move", "copy", "test", "x"]


class Operation(NamedTuple):
    """One method of one path, and the schema of what it takes."""

    method: str
    path: str
    schema: Json


class Asker:
    """Draws requests from `seed` and asks them."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.life = Simulation(seed, config=Config(runtime="simulated"))
        self.schemas: dict[str, Json] = {}
        self.operations: list[Operation] = []
        self.streams: list[Any] = []
        self.codes: dict[int, int] = {}
        for place in self._get("/openapi/v3")["paths"]:
            self._read(self._get(f"/openapi/v3/{place}"))

    def ask_one(self) -> None:
        """Draw, ask, judge, and let the controllers take it in. Raises AssertionError, or what a controller raised."""
        request = self.drawn()
        answer = self.life.cluster.handle([request], self.life.now)[0]
        if isinstance(answer, Response):
            self.codes[answer.code] = self.codes.get(answer.code, 0) + 1
            assert answer.code != 500 or b'"reason"' not in answer.body, _told(request, answer)
            if "json" in answer.media and answer.body:
                json.loads(answer.body)
        else:
            self.streams = [*self.streams[-5:], answer]
        for stream in self.streams:
            for frame in b"".join(stream.frames(self.life.now)).splitlines():
                json.loads(frame)
        if self.chance.random() < 0.3:
            self.life.run_for(self.chance.choice((0.1, 1, 5)))

    # --- requests

    def drawn(self) -> Request:
        chance = self.chance
        operation = chance.choice(self.operations)
        path = operation.path
        while "{" in path:
            head, _, rest = path.partition("{")
            name, _, tail = rest.partition("}")
            common = ["default"] if name == "namespace" else ["a", "web", "web-0"]
            path = head + (chance.choice(common) if chance.random() < 0.8 else chance.choice(NAMES)) + tail
        wanted = chance.sample(sorted(PARAMETERS), chance.choice((0, 0, 0, 1, 2, 4)))
        query = tuple((name, chance.choice(PARAMETERS[name])) for name in wanted)
        headers = {"user-agent": "fuzz", "accept": chance.choice(VIEWS)}
        body = b""
        if operation.method in ("POST", "PUT"):
            headers["content-type"] = "application/json"
            body = _encoded(self._object(operation))
        elif operation.method == "PATCH":
            sort = chance.choice(sorted(PATCHES))
            headers["content-type"] = PATCHES[sort]
            body = _encoded(self._operations(path) if sort == "json" else self._partial(operation, sort, path))
            query += (("fieldManager", "f"),) if sort == "apply" and chance.random() < 0.9 else ()
        elif operation.method == "DELETE" and chance.random() < 0.3:
            body = _encoded(
                self._value({"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"}, 0)
            )
        return Request(operation.method, path, query, headers, body)

    def _object(self, operation: Operation) -> Any:
        """A body: an object that means something with drawn parts, or all drawn."""
        made = self._value(operation.schema, 0)
        if isinstance(made, dict):
            made.setdefault("metadata", {})
            if isinstance(made["metadata"], dict) and self.chance.random() < 0.9:
                made["metadata"]["name"] = self.chance.choice(("a", "web", "web-0"))
                made["metadata"].pop("namespace", None)
                made["metadata"].pop("resourceVersion", None)
            made.pop("apiVersion", None)
            made.pop("kind", None)
        sample = next((found for end, found in SAMPLES.items() if operation.path.endswith(end)), None)
        if sample is not None and self.chance.random() < 0.7:
            made = self._mixed(json.loads(json.dumps(sample)), made)
        return made

    def _mixed(self, sample: Any, drawn: Any) -> Any:
        """The sample with a few branches of the drawn object in their place."""
        if not isinstance(sample, dict) or not isinstance(drawn, dict):
            return drawn if self.chance.random() < 0.3 else sample
        for name in drawn:
            if name not in sample and self.chance.random() < 0.3:
                sample[name] = drawn[name]
            elif name in sample and self.chance.random() < 0.5:
                sample[name] = self._mixed(sample[name], drawn[name])
        return sample

    def _partial(self, operation: Operation, sort: str, path: str) -> Any:
        body = self._object(operation)
        if sort == "apply" and isinstance(body, dict):
            old = self._present(path)
            return {**body, **{name: old[name] for name in ("apiVersion", "kind") if name in old}}
        if isinstance(body, dict) and self.chance.random() < 0.7:
            body.pop("metadata", None)
        return body

    def _operations(self, path: str) -> Any:
        paths = list(_pointers(self._present(path))) or [""]
        made = []
        for _ in range(self.chance.randint(0, 4)):
            step = {"op": self.chance.choice(OPERATIONS), "path": self.chance.choice(paths)}
            step |= {"value": self._strange()} if self.chance.random() < 0.8 else {}
            step |= {"from": self.chance.choice(paths)} if self.chance.random() < 0.5 else {}
            made.append(step)
        return made if self.chance.random() < 0.95 else self._strange()

    def _present(self, path: str) -> Any:
        answer = self.life.cluster.handle([Request("GET", path, (), {"user-agent": "fuzz"})], self.life.now)[0]
        return json.loads(answer.body) if isinstance(answer, Response) and answer.code == 200 else {}

    # --- values

    def _value(self, schema: Json, depth: int) -> Any:
        chance = self.chance
        if chance.random() < 0.01:
            return self._strange()
        schema = self._resolved(schema)
        sort = schema.get("type", "")
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
            return chance.choice([*NUMBERS, "25%", "web"])
        if sort == "object" or "properties" in schema or "additionalProperties" in schema:
            return self._mapping(schema, depth)
        if sort == "array":
            return [self._value(schema.get("items", {}), depth + 1) for _ in range(chance.choice((0, 1, 1, 2)))]
        if sort == "integer":
            return chance.choice(NUMBERS[:7] if chance.random() < 0.8 else NUMBERS)
        if sort == "boolean":
            return chance.random() < 0.5
        return chance.choice(WORDS) if sort in ("string", "") else chance.choice(NUMBERS)

    def _mapping(self, schema: Json, depth: int) -> Json:
        chance, made = self.chance, {}
        for name, below in schema.get("properties", {}).items():
            share = 0.9 if name in schema.get("required", ()) else 0.45 / (1 + depth / 2)
            if depth < 9 and chance.random() < share:
                made[name] = self._value(below, depth + 1)
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping):
            made |= {chance.choice(("app", "a", "x/y", "")): self._value(more, depth + 1) for _ in range(2)}
        if chance.random() < 0.02:
            made["unknown"] = 1
        return made

    def _strange(self) -> Any:
        return self.chance.choice([None, True, 1, -1, 1.5, "x", "", [], {}, [None], [[]], {"a": {"b": []}}, {"": 1}])

    def _resolved(self, schema: Json) -> Json:
        for _ in range(5):
            inner = schema.get("allOf", [{}])[0]
            reference = schema.get("$ref") or inner.get("$ref")
            if not reference:
                break
            schema = self.schemas.get(reference.rpartition("/")[2], {})
        return schema

    # --- the document

    def _get(self, path: str) -> Any:
        answer = self.life.cluster.handle([Request("GET", path, (), {"user-agent": "fuzz"})], self.life.now)[0]
        assert isinstance(answer, Response)
        return json.loads(answer.body)

    def _read(self, document: Json) -> None:
        self.schemas |= document.get("components", {}).get("schemas", {})
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if method.upper() in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                    contents = operation.get("requestBody", {}).get("content", {})
                    schema = next((found["schema"] for found in contents.values() if "schema" in found), {})
                    self.operations.append(Operation(method.upper(), path, schema))


def _pointers(value: Any, place: str = "") -> Any:
    yield place
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in items:
        yield from _pointers(below, f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}")
    if isinstance(value, list):
        yield f"{place}/-"


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _told(request: Request, answer: Response) -> str:
    asked = f"{request.method} {request.path} {request.query} {request.headers.get('content-type')} {request.body!r}"
    return f"{answer.code} {answer.body!r}\nfor {asked}"


_TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": POD["spec"]}
_CLAIM = {
    "metadata": {"name": "a"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
SAMPLES: dict[str, Any] = {
    "/statefulsets": {
        "metadata": {"name": "web"},
        "spec": {
            "serviceName": "web",
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": _TEMPLATE,
            "volumeClaimTemplates": [_CLAIM],
        },
    },
    "/statefulsets/{name}": {"spec": {"replicas": 1, "template": _TEMPLATE}},
    "/pods": {"metadata": {"name": "a"}, "spec": POD["spec"]},
    "/pods/{name}": {"metadata": {"name": "a"}, "spec": POD["spec"]},
    "/pods/{name}/status": {"metadata": {"name": "web-0"}, "status": {"phase": "Running"}},
    "/services": {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}},
    "/persistentvolumeclaims": _CLAIM,
    "/persistentvolumes": {
        "metadata": {"name": "a"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}},
    },
    "/storageclasses": {"metadata": {"name": "a"}, "provisioner": "stead.dev/directory"},
    "/namespaces": {"metadata": {"name": "a"}},
    "/nodes": {"metadata": {"name": "a"}},
    "/events": {"metadata": {"name": "a"}, "involvedObject": {"namespace": "default"}, "reason": "x"},
    "/poddisruptionbudgets": {
        "metadata": {"name": "a"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    },
    "/customresourcedefinitions": {
        "metadata": {"name": "things.x.io"},
        "spec": {
            "group": "x.io",
            "names": {"plural": "things", "kind": "Thing"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
                }
            ],
        },
    },
    "/roles": {"metadata": {"name": "a"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "/rolebindings": {
        "metadata": {"name": "a"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
        "subjects": [{"kind": "User", "name": "u"}],
    },
    "/endpointslices": {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]},
    "/resourcequotas": {"metadata": {"name": "a"}, "spec": {"hard": {"pods": "5"}}},
    "/limitranges": {"metadata": {"name": "a"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}},
}
