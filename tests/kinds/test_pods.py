"""What a pod becomes, and what of it may change."""

from typing import Any

import pytest

from stead.kinds import podstatusrules
from stead.kinds.containers import pull_policy
from stead.kinds.pod import POD
from stead.machinery.objects import Json, with_value


def a_pod(**spec: Any) -> Json:
    """A pod as it is stored."""
    spec = {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "default", **spec}
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "ns"}, "spec": spec}
    return POD.prepare_create(POD.default(obj))


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        (f"nginx@sha256:{'a' * 64}", "IfNotPresent"),
        (f"nginx:latest@sha256:{'a' * 64}", "Always"),
        ("Upper/Case", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_an_image_says_when_it_is_pulled(image: str, policy: str) -> None:
    """D-4."""
    assert pull_policy(image) == policy


def resources(**amounts: dict[str, str]) -> Json:
    return {"name": "c", "image": "i", "resources": amounts}


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "quality"),
    [
        ([resources()], "BestEffort"),
        ([resources(requests={"cpu": "0"})], "BestEffort"),
        ([resources(requests={"cpu": "1"})], "Burstable"),
        ([resources(limits=FULL)], "Guaranteed"),
        ([resources(limits=FULL, requests={"cpu": "1000m"})], "Guaranteed"),
        ([resources(limits=FULL, requests={"cpu": "500m"})], "Burstable"),
        ([resources(limits=FULL), resources()], "Burstable"),
        ([resources(limits={"cpu": "1"})], "Burstable"),
    ],
)
def test_quality_of_service(containers: list[Json], quality: str) -> None:
    """S-8."""
    assert a_pod(containers=containers)["status"] == {"phase": "Pending", "qosClass": quality}


@pytest.mark.parametrize(
    ("node", "phase", "own", "asked", "grace"),
    [
        ("n", "Running", 30, None, 30),
        ("n", "Running", 30, 5, 5),
        ("n", "Running", 30, 0, 0),
        ("n", "Running", 30, -1, 1),
        ("n", "Running", -7, None, 1),
        ("", "Pending", 30, None, 0),
        ("", "Pending", 30, 5, 0),
        ("n", "Failed", 30, None, 0),
        ("n", "Succeeded", 30, 20, 0),
    ],
)
def test_grace(node: str, phase: str, own: int, asked: int | None, grace: int) -> None:
    """S-7."""
    pod = with_value(a_pod(nodeName=node, terminationGracePeriodSeconds=own), ("status", "phase"), phase)
    assert POD.deletion_grace_seconds is not None
    assert POD.deletion_grace_seconds(pod, asked) == grace


def test_in_the_hosts_network_a_port_is_the_hosts() -> None:
    container = {"name": "c", "image": "i", "ports": [{"containerPort": 80}]}
    pod = a_pod(hostNetwork=True, containers=[container])
    assert pod["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


def test_a_volume_without_a_source_is_an_empty_directory() -> None:
    assert a_pod(volumes=[{"name": "v"}])["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"containers": [{"name": "c", "image": "other"}]}, None),
        ({"activeDeadlineSeconds": 5}, None),
        ({"tolerations": [{"key": "a", "operator": "Exists"}]}, None),
        ({"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]}, "spec.containers"),
        ({"containers": [{"name": "c", "image": "i", "command": ["x"]}]}, "spec"),
        ({"restartPolicy": "Never"}, "spec"),
        ({"schedulingGates": [{"name": "new"}]}, "spec.schedulingGates[0].name"),
        ({"containers": [{"name": "c", "image": ""}]}, "spec.containers[0].image"),
    ],
)
def test_what_may_change(change: Json, field: str | None) -> None:
    """V-4."""
    old, new = a_pod(), a_pod(**change)
    fields = [error.field for error in POD.validate_update(POD.prepare_update(new, old), old)]
    assert fields[:1] == ([] if field is None else [field])


def test_tolerations_may_be_added_and_not_taken_away() -> None:
    """V-4."""
    old = a_pod(tolerations=[{"key": "a", "operator": "Exists"}])
    (error,) = POD.validate_update(a_pod(), old)
    assert str(error) == (
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, 5, ""),
        (5, 3, ""),
        (3, 5, "Invalid value: 5: must be less than or equal to previous value"),
        (3, None, "Invalid value: null: must not update from a positive integer to nil value"),
        (3, -1, "Invalid value: -1: must be between 1 and 2147483647, inclusive"),
    ],
)
def test_a_deadline_may_be_set_and_drawn_in(before: int | None, after: int | None, told: str) -> None:
    """V-4."""
    old, new = (a_pod(**({} if limit is None else {"activeDeadlineSeconds": limit})) for limit in (before, after))
    errors = list(POD.validate_update(new, old))
    assert [error.text for error in errors[:1]] == ([told] if told else [])


def test_a_status_write_leaves_the_spec_and_the_class_alone() -> None:
    """S-3."""
    old = a_pod()
    sent = {**a_pod(nodeName="elsewhere"), "status": {"phase": "Running", "podIP": "10.0.0.7"}}
    new = POD.prepare_status(POD.default(sent), old)
    assert new["spec"] == old["spec"]
    assert new["status"] == {
        "phase": "Running",
        "podIP": "10.0.0.7",
        "podIPs": [{"ip": "10.0.0.7"}],
        "qosClass": "BestEffort",
    }
    assert list(POD.validate_status(new, old)) == []


PREFERRED_TERMS = "preferredDuringSchedulingIgnoredDuringExecution"
ODD = {"key": "k", "operator": "In", "values": ["x y"]}


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        ({"nodeSelector": {"beta.kubernetes.io/os": "linux"}}, "spec.nodeSelector[beta.kubernetes.io/os]: deprecated"),
        (
            {
                "containers": [
                    {"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}
                ]
            },
            'spec.containers[0].env[1]: hides previous definition of "A"',
        ),
    ],
)
def test_warnings(spec: Json, warning: str) -> None:
    """S-6."""
    (told,) = POD.warnings(a_pod(**spec), None)
    assert told.startswith(warning)


def ported(*ports: Json) -> Json:
    return {"name": "c", "image": "i", "ports": list(ports)}


def noted(pod: Json, annotations: Json) -> Json:
    return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}


def warned(annotations: Json | None = None, **spec: Any) -> list[str]:
    pod = noted(a_pod(**spec), annotations or {})
    return list(POD.warnings(POD.prepare_create(pod), None))


def test_ports_of_all_containers_are_looked_at_together() -> None:
    """Init containers first; the first of two names is the one that is found."""
    first = ported({"containerPort": 80, "name": "web"}, {"containerPort": 81, "hostIP": "10.0.0.1"})
    second = ported({"containerPort": 80, "hostPort": 80}, {"containerPort": 90, "name": "web"})
    third = ported({"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"})
    second["name"], third["name"] = "d", "e"
    init, other = "spec.initContainers[0].ports", "spec.containers"
    shown = "{Name: HostPort:0 ContainerPort:81 Protocol:TCP HostIP:10.0.0.1}"
    use = f"services and probes that select ports by name will use {init}[0]"
    assert warned(initContainers=[first], containers=[second, third]) == [
        f"{init}[1]: hostIP set without hostPort: {shown}",
        f"{other}[0].ports[0]: overlapping port definition with {init}[0]",
        f"{other}[1].ports[0]: overlapping port definition with {init}[0]",
        f"{other}[1].ports[0]: dangerously ambiguous port definition with {other}[0].ports[0]",
        f'{other}[0].ports[1]: duplicate port name "web" with {init}[0], {use}',
    ]


def test_files_at_one_path_are_warned_of() -> None:
    items = [{"key": "a", "path": "x/"}, {"key": "b", "path": "x/y"}, {"key": "c", "path": "xy"}]
    sources = [
        {},
        {"secret": {"name": "s", "items": items[:1]}},
        {"serviceAccountToken": {"path": "x/t"}},
        {"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    volumes = [
        {"name": "v", "configMap": {"name": "m", "items": items}},
        {"name": "w", "projected": {"sources": sources}},
    ]
    both, token = '"x" (Secret "s")', '"x/t" (ServiceAccountToken)'
    assert warned(volumes=volumes) == [
        'volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"',
        'volume "w" (Projected) has no sources provided',
        f'volume "w" (Projected): overlapping paths: {token} with {both}',
        f'volume "w" (Projected): overlapping paths: "x" (DownwardAPI) with {both}',
        f'volume "w" (Projected): overlapping paths: "x" (DownwardAPI) with {token}',
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "beta.kubernetes.io/os", "labelSelector": {}}
                ]
            },
            "topologySpreadConstraints[0].topologyKey: beta.kubernetes.io/os is deprecated since v1.14; "
            'use "kubernetes.io/os" instead',
        ),
        (
            {"dnsConfig": {"nameservers": ["::ffff:1.2.3.4"]}},
            'dnsConfig.nameservers[0]: non-standard IP address "::ffff:1.2.3.4" will be considered invalid in a '
            'future Kubernetes release: use "1.2.3.4"',
        ),
        (
            {"containers": [{"name": "c", "image": "i", "env": [{"name": "A"}, {"name": "A", "value": "$(A)"}]}]},
            'containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
        ),
        (
            {
                "affinity": {
                    "nodeAffinity": {PREFERRED_TERMS: [{"weight": 1, "preference": {"matchExpressions": [ODD]}}]}
                }
            },
            f"affinity.nodeAffinity.{PREFERRED_TERMS}[0].preference.matchExpressions[0].values[0]: x y is invalid, "
            "a valid label must be an empty string",
        ),
    ],
)
def test_more_warnings(spec: Json, said: str) -> None:
    (told,) = warned(**spec)
    assert told.startswith(f"spec.{said}")


def test_a_pod_has_no_negative_grace() -> None:
    """A template may say so, and is warned of; a pod has a second."""
    pod = a_pod(terminationGracePeriodSeconds=-5)
    assert pod["spec"]["terminationGracePeriodSeconds"] == 1
    assert list(POD.warnings(pod, None)) == []


def test_a_pod_that_changes_is_not_warned_of() -> None:
    """Nobody writes pods by hand, says upstream, and does not look."""
    pod = a_pod(nodeSelector={"beta.kubernetes.io/os": "linux"})
    assert POD.warnings(pod, None) != []
    assert POD.warnings(pod, pod) == []


ARMOR = "container.apparmor.security.beta.kubernetes.io/"
OLD_ARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead'


@pytest.mark.parametrize(
    ("annotation", "profile"),
    [
        ("unconfined", {"type": "Unconfined"}),
        ("runtime/default", {"type": "RuntimeDefault"}),
        ("localhost/mine", {"type": "Localhost", "localhostProfile": "mine"}),
        ("localhost/", None),
    ],
)
def test_an_annotation_of_app_armor_becomes_a_field(annotation: str, profile: Json | None) -> None:
    pod = noted(a_pod(), {f"{ARMOR}c": annotation})
    made = POD.prepare_create(pod)["spec"]["containers"][0]
    assert (made.get("securityContext") or {}).get("appArmorProfile") == profile
    assert warned({f"{ARMOR}c": annotation}) == [f"metadata.annotations[{ARMOR}c]: {OLD_ARMOR}"]


def test_a_pod_with_the_same_profile_keeps_its_containers_bare() -> None:
    pod = a_pod(securityContext={"appArmorProfile": {"type": "Unconfined"}})
    made = POD.prepare_create(noted(pod, {f"{ARMOR}c": "unconfined"}))
    assert "securityContext" not in made["spec"]["containers"][0]
    assert list(POD.warnings(made, None)) == []


SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"


def test_annotations_of_profiles_are_looked_at() -> None:
    """Of seccomp too, which nobody heeds any more; of AppArmor, nothing may be added, changed or taken away."""
    given = {f"{ARMOR}c": "x", f"{ARMOR}d": "unconfined", SECCOMP: "y", f"container.{SECCOMP[:-3]}c": "localhost//z"}
    assert [str(error) for error in POD.validate_create(noted(a_pod(), given))] == [
        f'metadata.annotations.{SECCOMP}: Invalid value: "y": must be a valid seccomp profile',
        f'metadata.annotations.container.{SECCOMP[:-3]}c: Invalid value: "/z": must be a relative path',
        f'metadata.annotations[{ARMOR}c]: Invalid value: "x": invalid AppArmor profile name: "x"',
        f'metadata.annotations[{ARMOR}d]: Invalid value: "d": container not found',
    ]
    none, one = (noted(a_pod(), given) for given in ({}, {f"{ARMOR}c": "unconfined"}))
    at = f"metadata.annotations[{ARMOR}c]: Forbidden: may not"
    assert [str(error) for error in POD.validate_update(one, none)] == [f"{at} add AppArmor annotations"]
    assert [str(error) for error in POD.validate_update(none, one)] == [f"{at} remove or update AppArmor annotations"]


REQUIRED, PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def labelled(affinity: Json, spread: Json, labels: dict[str, str]) -> Json:
    """A new pod whose terms name keys of its own labels."""
    spec = {
        "containers": [{"name": "c", "image": "i"}],
        "affinity": {"podAffinity": {REQUIRED: [affinity]}, "podAntiAffinity": {PREFERRED: [weighted(affinity)]}},
        "topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", **spread}],
    }
    obj = {"kind": "Pod", "metadata": {"name": "p", "namespace": "ns", "labels": labels}, "spec": spec}
    return POD.prepare_create(POD.default(obj))


def weighted(term: Json) -> Json:
    return {"weight": 1, "podAffinityTerm": term}


def test_keys_of_own_labels_become_part_of_the_selectors() -> None:
    """A label that the pod does not have adds nothing, and neither does a term without a selector."""
    term = {"topologyKey": "k", "labelSelector": {}, "matchLabelKeys": ["v", "none"], "mismatchLabelKeys": ["w"]}
    made = labelled(term, {"topologyKey": "z", "matchLabelKeys": ["v"]}, {"v": "1", "w": "2"})
    own = {"key": "v", "operator": "In", "values": ["1"]}
    others = {"key": "w", "operator": "NotIn", "values": ["2"]}
    expected = {**term, "labelSelector": {"matchExpressions": [own, others]}}
    assert made["spec"]["affinity"]["podAffinity"][REQUIRED] == [expected]
    assert made["spec"]["affinity"]["podAntiAffinity"][PREFERRED] == [weighted(expected)]
    assert "labelSelector" not in made["spec"]["topologySpreadConstraints"][0]


def test_a_key_that_a_selector_has_already_is_refused() -> None:
    """Upstream tells of the term, not of its member; a spread is looked at by the same rule."""
    term = {"topologyKey": "k", "labelSelector": {"matchLabels": {"v": "1"}}, "matchLabelKeys": ["w", "v"]}
    told = [str(error) for error in POD.validate_create(labelled(term, term, {"v": "1"}))]
    both = 'Invalid value: "v": exists in both matchLabelKeys and labelSelector'
    assert told == [
        f"spec.affinity.podAffinity.{REQUIRED}[0][1]: {both}",
        f"spec.affinity.podAntiAffinity.{PREFERRED}[0].podAffinityTerm[1]: {both}",
        f"spec.topologySpreadConstraints[0][1]: {both}",
    ]


RULES = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
OTHERS = [{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 1]}}]


@pytest.mark.parametrize(
    "policy, own, code, may",
    [
        ("Never", {}, 42, False),
        ("Never", {"restartPolicyRules": RULES, "restartPolicy": "Never"}, 42, True),
        ("Never", {"restartPolicyRules": RULES, "restartPolicy": "Never"}, 1, False),
        ("Never", {"restartPolicyRules": OTHERS, "restartPolicy": "Never"}, 2, True),
        ("Never", {"restartPolicyRules": OTHERS, "restartPolicy": "Never"}, 0, False),
        ("Never", {"restartPolicy": "OnFailure"}, 1, True),
        ("Never", {"restartPolicy": "Always"}, 0, True),
        ("OnFailure", {"restartPolicy": "Never"}, 1, False),
        ("OnFailure", {}, 1, True),
        ("OnFailure", {}, 0, False),
        ("Always", {}, 0, True),
    ],
)
def test_a_container_runs_again_where_its_own_policy_its_rules_or_its_pods_say_so(
    policy: str, own: Any, code: int, may: bool
) -> None:
    ended, running = {"terminated": {"exitCode": code}}, {"running": {}}

    def a_pod_that(state: Any) -> Any:
        pod = a_pod(restartPolicy=policy, containers=[{"name": "c", "image": "i", **own}])
        return with_value(pod, ("status", "containerStatuses"), [{"name": "c", "image": "i", "state": state}])

    told = podstatusrules.validate_status(a_pod_that(running), a_pod_that(ended))
    assert [error.field for error in told] == ([] if may else ["status.containerStatuses[0].state"])
