"""The roles every cluster is expected to have: charts and people bind `view`, `edit`, `admin` and `cluster-admin`."""

from collections.abc import Sequence

from stead.machinery.objects import Json

GROUP = "rbac.authorization.k8s.io"
READ = ("get", "list", "watch")
WRITE = ("create", "delete", "deletecollection", "patch", "update")
SEEN = {  # by group: what who may look into a namespace may see; secrets are not among it
    "": (
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "persistentvolumeclaims",
        "persistentvolumeclaims/status",
        "pods",
        "pods/log",
        "pods/status",
        "resourcequotas",
        "resourcequotas/status",
        "serviceaccounts",
        "services",
        "services/status",
    ),
    "apps": ("controllerrevisions", "statefulsets", "statefulsets/scale", "statefulsets/status"),
    "discovery.k8s.io": ("endpointslices",),
    "policy": ("poddisruptionbudgets", "poddisruptionbudgets/status"),
}
CHANGED = {  # and what who may edit it may change
    "": (
        "configmaps",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/attach",
        "pods/eviction",
        "pods/exec",
        "pods/portforward",
        "secrets",
        "serviceaccounts",
        "serviceaccounts/token",
        "services",
    ),
    "apps": ("statefulsets", "statefulsets/scale"),
    "coordination.k8s.io": ("leases",),
    "policy": ("poddisruptionbudgets",),
}


def objects() -> list[Json]:
    """ClusterRoles, and the one binding that says who may do everything."""
    view = [_rule(group, plurals, READ) for group, plurals in SEEN.items()]
    change = [_rule(group, plurals, WRITE) for group, plurals in CHANGED.items()]
    edit = [*view, _rule("", ("pods/exec", "pods/attach", "secrets"), READ), *change]
    admin = [*edit, _rule(GROUP, ("rolebindings", "roles"), (*READ, *WRITE))]
    everything = [_rule("*", ("*",), ("*",)), {"nonResourceURLs": ["*"], "verbs": ["*"]}]
    roles = {"cluster-admin": everything, "admin": admin, "edit": edit, "view": view}
    return [*(_role(name, rules) for name, rules in roles.items()), _masters()]


def _rule(group: str, plurals: Sequence[str], verbs: Sequence[str]) -> Json:
    return {"apiGroups": [group], "resources": list(plurals), "verbs": list(verbs)}


def _role(name: str, rules: list[Json]) -> Json:
    return {**_named("ClusterRole", name), "rules": rules}


def _masters() -> Json:
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": GROUP, "kind": "Group", "name": "system:masters"}
    return {**_named("ClusterRoleBinding", "cluster-admin"), "roleRef": reference, "subjects": [subject]}


def _named(kind: str, name: str) -> Json:
    metadata = {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata}
