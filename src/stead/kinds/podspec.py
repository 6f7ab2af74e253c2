"""Pod template rules shared by Pod and StatefulSet: what a pod's spec becomes (D-4 in api.md)."""

from stead.kinds.containers import default_amounts, default_container, default_resources
from stead.kinds.defaulting import by_member, each, filled
from stead.kinds.volumes import default_volume
from stead.machinery.objects import Json


def default_pod_template(template: Json) -> Json:
    """A template with all that a pod's spec gets; its metadata stays as it is."""
    return {**template, "spec": default_pod_spec(template.get("spec") or {})}


def default_pod_spec(spec: Json) -> Json:
    spec = filled(
        _with_account(spec),
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
        securityContext={},
    )
    spec = by_member(spec, (("overhead", default_amounts), ("resources", default_resources)))
    spec = each(spec, "volumes", default_volume)
    for containers in ("initContainers", "containers", "ephemeralContainers"):
        spec = each(spec, containers, default_container)
    return spec


def _with_account(spec: Json) -> Json:
    """The service account has two names on the wire, and both are always told."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    return {**spec, "serviceAccountName": account, "serviceAccount": account} if account else spec
