"""Manifests into a running stead: first all are tried without a trace, then all are applied.

What is wrong in any document is told before anything is written; what fails later (somebody else was faster) is told
together with what had been applied before.
"""

from collections.abc import Callable, Sequence

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
    targets = [(manifest, *_target(manifest, registry)) for manifest in manifests]
    made_here = {m.obj["metadata"]["name"] for m in manifests if m.obj["kind"] == "Namespace"}
    refusals = []
    for manifest, _, path in targets:
        if dig(manifest.obj, "metadata", "namespace") in made_here:
            continue
        answer = ask(
            "PATCH", f"{path}?fieldManager=stead&force=true&fieldValidation=Strict&dryRun=All", manifest.obj, APPLY
        )
        refusals += _refusal(manifest, answer)
    if refusals:
        raise ManifestError("\n".join([*refusals, "nothing was applied"]))
    done: list[Applied] = []
    for manifest, kind, path in targets:
        done.append(_apply(manifest, kind, path, ask, done))
    return done


def _apply(manifest: Manifest, kind: Kind, path: str, ask: DoRequest, done: list[Applied]) -> Applied:
    before = _version(ask("GET", path, None, ""))
    answer = ask("PATCH", f"{path}?fieldManager=stead&force=true&fieldValidation=Strict", manifest.obj, APPLY)
    refused = _refusal(manifest, answer)
    if refused:
        told = f"applied before that: {', '.join(map(str, done))}" if done else "nothing was applied"
        raise ManifestError("\n".join([*refused, told]))
    obj = decode(answer.body)
    unchanged = "unchanged" if obj["metadata"].get("resourceVersion") == before else "configured"
    return Applied(obj, kind, "created" if answer.code == 201 else unchanged)


def _target(manifest: Manifest, registry: Registry) -> tuple[Kind, str]:
    obj = manifest.obj
    kind = registry.by_type(obj["apiVersion"], obj["kind"])
    if kind is None:
        known = registry.by_word(obj["kind"])
        hint = f"; stead serves {known.name} as {known.api_version}" if known else ""
        told = f"stead does not serve kind {obj['kind']} of {obj['apiVersion']}{hint}"
        raise ManifestError(f"{manifest.place}: {told}\nnothing was applied")
    namespace = dig(obj, "metadata", "namespace", default="default") if kind.is_namespaced else ""
    return kind, path_of(kind, namespace, obj["metadata"]["name"])


def _refusal(manifest: Manifest, answer: Response) -> list[str]:
    if answer.code < 400:
        return []
    status = decode(answer.body)
    causes = dig(status, "details", "causes", default=[])
    if not causes:
        return [f"{manifest.place}: {status['message']}"]
    return [f"{manifest.place}: {cause.get('field', '')}: {cause['message']}" for cause in causes]


def _version(answer: Response) -> str:
    return str(decode(answer.body)["metadata"].get("resourceVersion", "")) if answer.code == 200 else ""
