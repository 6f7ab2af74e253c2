"""Names of resources, as upstream sorts them: standard ones, those of containers and quotas, those of other domains."""

from stead.kinds.checks import NOT_NEGATIVE, Errors
from stead.kinds.syntax import qualified_name_faults
from stead.machinery import fields, quantity

COMPUTE = ("cpu", "memory", "ephemeral-storage")
HUGE = "hugepages-"
_OURS = "kubernetes.io/"
_REQUESTS = "requests."
WHOLE = (
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
)
_ASKED = tuple(f"{part}.{name}" for part in ("requests", "limits") for name in COMPUTE)
COUNTED = frozenset((*COMPUTE, *_ASKED, *WHOLE, "requests.storage"))
_STANDARD = frozenset((*COUNTED, "storage"))


def name_faults(name: str) -> list[str]:
    """Why it cannot be the name of a resource at all."""
    found = qualified_name_faults(name)
    if found or "/" in name or name in _STANDARD or name.startswith((HUGE, f"{_REQUESTS}{HUGE}")):
        return found
    return ["must be a standard resource type or fully qualified"]


def container_name_faults(name: str) -> list[str]:
    """Why a container cannot ask for it."""
    found = name_faults(name)
    if "/" not in name:
        fits = name in COMPUTE or name.startswith(HUGE)
        return found if fits else [*found, "must be a standard resource for containers"]
    return found if is_native(name) or is_extended(name) else [*found, "doesn't follow extended resource name standard"]


def quota_name_faults(name: str) -> list[str]:
    """Why a quota cannot be about it."""
    found = name_faults(name)
    return found if "/" in name or is_counted(name) else [*found, "must be a standard resource for quota"]


def is_counted(name: str) -> bool:
    """Whether a quota may be about a resource of this bare name."""
    return name in COUNTED or name.startswith((HUGE, f"{_REQUESTS}{HUGE}"))


def is_native(name: str) -> bool:
    return "/" not in name or _OURS in name


def is_extended(name: str) -> bool:
    """One of somebody's domain, of which there are whole pieces: `example.com/gpu`."""
    is_theirs = not is_native(name) and not name.startswith(_REQUESTS)
    return is_theirs and not qualified_name_faults(f"{_REQUESTS}{name}")


def is_shared(name: str) -> bool:
    """More of it may be promised than there is."""
    return is_native(name) and not name.startswith(HUGE)


def amount_errors(name: str, amount: str, path: str) -> Errors:
    """An amount of a resource: not below nothing, and of some only whole pieces."""
    errors = [fields.invalid(path, amount, NOT_NEGATIVE)] if quantity.compare(amount, "0") < 0 else []
    if (name in WHOLE or is_extended(name)) and quantity.parse(amount).milli_value % 1000:
        errors.append(fields.invalid(path, amount, "must be an integer"))
    return errors
