"""What a person can type to end a wait: whole commands, which `simulation/stories` holds to their word."""

import re

from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.roster import Slot
from stead.machinery import meta
from stead.machinery.objects import Json, dig

PROTECTION = "kubernetes.io/pvc-protection"
_MISSING = re.compile(r'\b(secret|configmap) "([^"]+)" not found')


def delete_pod(observed: Observed, name: str) -> str:
    """`name`: one pod's, or several with blanks between them."""
    return f"{observed.kubectl} delete pod {name}"


def partition(observed: Observed, index: int) -> str:
    """Say a partition; where the strategy said nothing at all, that is also what makes it more than bare (RE-2)."""
    said = f'{{"spec":{{"updateStrategy":{{"rollingUpdate":{{"partition":{index}}}}}}}}}'
    return f"{observed.kubectl} patch statefulset {observed.spec.name} -p '{said}'"


def replace(observed: Observed, name: str, *, returns_at_current: bool) -> str:
    """End a pod (or several) so that it comes back at the update revision.

    A bare `type: RollingUpdate` brings it back at the current one (RE-2, effect B), so a partition is said first.
    """
    end = delete_pod(observed, name)
    return f"{partition(observed, 0)} && {end}" if returns_at_current else end


def correct_image(observed: Observed, slot: Slot, container: str) -> str:
    """Another image in the template; an ordered set's pod that was never Ready needs a hand too (RU-11)."""
    said = f"{observed.kubectl} set image statefulset/{observed.spec.name} {container}=IMAGE"
    return f"{said}{_then_replaced(observed, slot)}"


def correct_template(observed: Observed, slot: Slot) -> str:
    return f"{observed.kubectl} edit statefulset {observed.spec.name}{_then_replaced(observed, slot)}"


def create_what_is_named(observed: Observed, message: str) -> str:
    """The Secret or ConfigMap that a message says is not found."""
    found = _MISSING.search(message)
    if found is None:
        return "create the ConfigMap, Secret or key that it names"
    kind = "secret generic" if found[1] == "secret" else "configmap"
    return f"{observed.kubectl} create {kind} {found[2]} --from-literal=KEY=VALUE"


def _then_replaced(observed: Observed, slot: Slot) -> str:
    spec = observed.spec
    if spec.is_parallel and not spec.is_on_delete:
        return ""
    index = slot.ordinal - spec.first
    is_held = not spec.is_on_delete and (spec.rolling is None or index < spec.partition)
    lowered = f" && {partition(observed, min(index, spec.partition))}" if is_held else ""
    return f"{lowered} && {delete_pod(observed, slot.name)}"


def uncordon(observed: Observed) -> str:
    """The nodes that take no new pods, by name where they can be seen."""
    closed = [meta.name(node) for node in observed.cache.all("Node") if dig(node, "spec", "unschedulable")]
    return f"kubectl uncordon {' '.join(closed) or 'NODE'}"


def let_go(observed: Observed, resource: str, name: str) -> str:
    """Who holds an object that is being deleted must let it go; by hand where nobody is left to do it."""
    said = '{"metadata":{"finalizers":null}}'
    by_hand = f"{observed.kubectl} patch {resource} {name} --type=merge -p '{said}'"
    return f"whoever set the finalizer must remove it; if nobody is left to do it: {by_hand}"


def create_service(observed: Observed) -> str:
    """The headless Service that gives the pods their names; a selector of expressions alone has no short command."""
    name, labels = observed.spec.service_name, observed.spec.match_labels
    if not labels:
        return f'create a headless Service "{name}" that selects the pods'
    selector = ",".join(f"{label}={value}" for label, value in labels.items())
    made = f"{observed.kubectl} create service clusterip {name} --clusterip=None"
    return made if selector == f"app={name}" else f"{made} && {observed.kubectl} set selector service {name} {selector}"


def raise_quota(observed: Observed, quota: str, resource: str, used: str) -> str:
    """By as much as the set lacks where pods are counted; else by hand."""
    if resource != "pods" or not used.isdigit():
        return f"free some {resource}, or raise it: {observed.kubectl} edit resourcequota {quota}"
    spec = observed.spec
    lacking = spec.replicas - observed.roster.occupied.count(spec.first, spec.last)
    said = f'{{"spec":{{"hard":{{"pods":"{int(used) + lacking}"}}}}}}'
    return f"raise it: {observed.kubectl} patch resourcequota {quota} -p '{said}'"


def release_claim(observed: Observed, claim: Json) -> str:
    """Who keeps a claim that is being deleted: the pods that use it, or whoever set another finalizer."""
    held = [finalizer for finalizer in meta.finalizers(claim) if finalizer != PROTECTION]
    if held:
        return f"whoever set the finalizer {', '.join(held)} must take it off; a new claim follows then"
    users = [meta.name(pod) for pod in observed.cache.all("Pod", observed.spec.namespace) if _uses(pod, claim)]
    return delete_pod(observed, " ".join(users)) if users else ""


def _uses(pod: Json, claim: Json) -> bool:
    """Whether a pod that is not on its way out holds the claim."""
    volumes = dig(pod, "spec", "volumes", default=[])
    named = (dig(volume, "persistentVolumeClaim", "claimName") for volume in volumes)
    return not meta.is_terminating(pod) and meta.name(claim) in named
