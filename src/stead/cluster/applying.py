"""Manifests into a running stead: first all are tried without a trace, then all are applied.

What is wrong in any document is told before anything is written; what fails later (somebody else was faster) is told
together with what had been applied before.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from stead.api.request import Response
from stead.cluster.manifests import Manifest, ManifestError
from stead.kinds.kind import Kind
from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN, Registry
from stead.machinery.objects import Json, decode, dig

APPLY = "application/apply-patch+yaml"
DoRequest = Callable[[str, str, Json | None, str], Response]


class Applied(Struct, frozen=True):
    """One object and what became of it: `created`, `configured` or `unchanged`."""

    obj: Json
    kind: Kind
    deed: str

    def __str__(self) -> str:
        group = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.kind.singular_name}{group}/{self.obj['metadata']['name']} {self.deed}"


def apply(manifests: Sequence[Manifest], ask: DoRequest, registry: Registry = BUILT_IN) -> list[Applied]:
    """Apply in order; raises ManifestError with every document that is refused, before anything is written."""
    targets = [_target(manifest, registry) for manifest in manifests]
    made_here = {m.obj["metadata"]["name"] for m in manifests if m.obj["kind"] == "Namespace"}
    tried = [t for t in targets if dig(t.manifest.obj, "metadata", "namespace") not in made_here]
    refusals = [told for target in tried for told in _refusal(target, _patch(target, ask, "&dryRun=All"))]
    if refusals:
        raise ManifestError("\n".join([*refusals, "nothing was applied"]))
    done: list[Applied] = []
    for target in targets:
        before = _version(ask("GET", target.path, None, ""))
        answer = _patch(target, ask)
        refused = _refusal(target, answer)
        if refused:
            told = f"applied before that: {', '.join(map(str, done))}" if done else "nothing was applied"
            raise ManifestError("\n".join([*refused, told]))
        done.append(_applied(target, answer, before))
    return done


class _Target(NamedTuple):
    manifest: Manifest
    kind: Kind
    path: str


def _target(manifest: Manifest, registry: Registry) -> _Target:
    obj = manifest.obj
    kind = registry.by_type(obj["apiVersion"], obj["kind"])
    if kind is None:
        known = registry.by_word(obj["kind"])
        hint = f"; stead serves {known.name} as {known.api_version}" if known else ""
        told = f"stead does not serve kind {obj['kind']} of {obj['apiVersion']}{hint}"
        raise ManifestError(f"{manifest.place}: {told}\nnothing was applied")
    namespace = dig(obj, "metadata", "namespace", default="default") if kind.is_namespaced else ""
    return _Target(manifest, kind, path_of(kind, namespace, obj["metadata"]["name"]))


def _patch(target: _Target, ask: DoRequest, more: str = "") -> Response:
    options = f"fieldManager=stead&force=true&fieldValidation=Strict{more}"
    return ask("PATCH", f"{target.path}?{options}", target.manifest.obj, APPLY)


def _applied(target: _Target, answer: Response, before: str) -> Applied:
    obj = decode(answer.body)
    unchanged = "unchanged" if obj["metadata"].get("resourceVersion") == before else "configured"
    return Applied(obj, target.kind, "created" if answer.code == 201 else unchanged)


def _refusal(target: _Target, answer: Response) -> list[str]:
    if answer.code < 400:
        return []
    status = decode(answer.body)
    causes = dig(status, "details", "causes", default=[])
    if not causes:
        return [f"{target.manifest.place}: {status['message']}"]
    return [f"{target.manifest.place}: {cause.get('field', '')}: {cause['message']}" for cause in causes]


def _version(answer: Response) -> str:
    return str(decode(answer.body)["metadata"].get("resourceVersion", "")) if answer.code == 200 else ""
