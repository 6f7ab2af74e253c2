"""Refusals that only the API knows how to word. The general ones are in `machinery/errors`."""

from collections.abc import Sequence

from stead.kinds.kind import Kind
from stead.machinery import errors
from stead.machinery.errors import AlreadyExists, Conflict, Invalid, MethodNotAllowed, Nameless, NotFound
from stead.machinery.fields import FieldError
from stead.machinery.goprint import quoted
from stead.machinery.objects import Json


class NoSuchResource(NotFound):
    """No kind is served at this path."""

    def __init__(self) -> None:
        super().__init__("the server could not find the requested resource")

    def status(self) -> Json:
        return {**super().status(), "details": {}}


NOT_SERVED = {
    "": ("bindings", "componentstatuses", "podtemplates", "replicationcontrollers"),
    "admissionregistration.k8s.io": (
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    ),
    "apiregistration.k8s.io": ("apiservices",),
    "apps": ("daemonsets", "deployments", "replicasets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "certificates.k8s.io": ("certificatesigningrequests",),
    "flowcontrol.apiserver.k8s.io": ("flowschemas", "prioritylevelconfigurations"),
    "networking.k8s.io": ("ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs"),
    "node.k8s.io": ("runtimeclasses",),
    "scheduling.k8s.io": ("priorityclasses",),
    "resource.k8s.io": ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"),
    "storage.k8s.io": (
        "csidrivers",
        "csinodes",
        "csistoragecapacities",
        "volumeattachments",
        "volumeattributesclasses",
    ),
}


class NotServed(NotFound):
    """A kind of Kubernetes' own that stead has not: people should not look for a mistake of theirs."""

    def __init__(self, group: str, plural: str) -> None:
        named = errors.qualified(plural, group)
        told = f"stead does not serve {named}: it has StatefulSets and what they need, and serves nothing it cannot do"
        super().__init__(told, details=errors.named(plural, group, ""))


def is_not_served(path: str) -> NotServed | None:
    """What to say about a path that names a kind of Kubernetes' own which is not served here, None for others."""
    steps = path.strip("/").split("/")
    group, rest = ("", steps[2:]) if steps[0] == "api" else (steps[1] if len(steps) > 1 else "", steps[3:])
    plural = rest[2] if len(rest) > 2 and rest[0] == "namespaces" else rest[0] if rest else ""
    is_ours = steps[0] in ("api", "apis") and plural in NOT_SERVED.get(group, ())
    return NotServed(group, plural) if is_ours else None


class NoSuchPath(NotFound):
    """The path is not one of an API at all; the answer is plain text."""

    def __init__(self) -> None:
        super().__init__("404 page not found\n")


class WrongMethod(MethodNotAllowed):
    def __init__(self) -> None:
        super().__init__("the server does not allow this method on the requested resource")

    def status(self) -> Json:
        return {**super().status(), "details": {}}


class BadPatch(Invalid):
    """A JSON patch that cannot be carried out: its path is missing, its test failed."""

    def __init__(self) -> None:
        super().__init__("the server rejected our request due to an error in our request")

    def status(self) -> Json:
        return {**super().status(), "details": {}}


def invalid(kind: Kind, name: str, wrong: Sequence[FieldError]) -> None:
    """Raise Invalid with all of `wrong`, if anything is."""
    if wrong:
        raise errors.invalid(kind.name, _group(kind), name, wrong)


def invalid_options(options: str, wrong: Sequence[FieldError]) -> None:
    """The same for the parameters of a call: `ListOptions`, `CreateOptions`, ..."""
    if wrong:
        raise errors.invalid(options, "meta.k8s.io", "", wrong)


def _group(kind: Kind) -> str:
    """What is kept under another kind's name is told of under its group: events are the core's, whoever asks."""
    return "" if kind.stored_as == "Event" else kind.group


def not_found(kind: Kind, name: str) -> NotFound:
    return errors.not_found(kind.plural, _group(kind), name)


def already_exists(kind: Kind, name: str, *, is_going: bool = False) -> AlreadyExists:
    """`is_going`: who has the name is on its way out."""
    found = errors.already_exists(kind.plural, _group(kind), name)
    return AlreadyExists(f"object is being deleted: {found}", details=found.details) if is_going else found


def no_name_left(kind: Kind, taken: AlreadyExists) -> AlreadyExists:
    """The same where the object has a generateName: another try may find a free name."""
    told = f"{taken}, the server was not able to generate a unique name for the object"
    return AlreadyExists(told, details=taken.details, retry_after_seconds=1)


def revision_in(text: str) -> int:
    """A resourceVersion in an object as a number, 0 for none; what is none is upstream's 500."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise Nameless(f"strconv.ParseUint: parsing {quoted(text)}: invalid syntax")
    if int(text) >= 1 << 64:
        raise Nameless(f"strconv.ParseUint: parsing {quoted(text)}: value out of range")
    return int(text)


def modified(kind: Kind, name: str) -> Conflict:
    return errors.modified(kind.plural, _group(kind), name)


def conflict(kind: Kind, name: str, why: str) -> Conflict:
    return errors.conflict(kind.plural, _group(kind), name, why)


def precondition_failed(kind: Kind, name: str, why: str) -> Conflict:
    """A delete's precondition; upstream names the kind here, not the resource."""
    return errors.conflict(kind.name, kind.group, name, why)


STORED_UNDER = {"Service": "services/specs", "Node": "minions", "Endpoints": "services/endpoints"}


def wrong_uid(kind: Kind, namespace: str, name: str, uids: tuple[str, str]) -> Conflict:
    """A PUT meant another bearer of the name. `uids`: the one wanted, the one there."""
    place = STORED_UNDER.get(kind.id, kind.plural if not kind.schema else f"{kind.group}/{kind.plural}")
    path = "/".join(part for part in ("/registry", place, namespace, name) if part)
    wanted, found = uids
    why = (
        f"StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    )
    return conflict(kind, name, why)
