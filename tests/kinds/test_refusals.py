"""What may not be, line by line: a small good object, one thing wrong with it, and what is said of it."""

from typing import Any

import pytest

from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import Json

NAME = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
CONTAINER: Json = {"name": "c", "image": "i"}


def refused(id: str, obj: Json) -> list[str]:
    kind = BUILT_IN.by_id(id)
    whole = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "x", "namespace": "ns"}, **obj}
    return [str(error) for error in kind.validate_create(kind.prepare_create(kind.default(whole)))]


def of_pod(**spec: Any) -> list[str]:
    return refused("Pod", {"spec": {"containers": [CONTAINER], "serviceAccountName": "default", **spec}})


def of_container(**more: Any) -> list[str]:
    told = of_pod(
        containers=[{**CONTAINER, **more}],
        volumes=[{"name": "v"}, {"name": "p", "persistentVolumeClaim": {"claimName": "p"}}],
    )
    return [text.removeprefix("spec.containers[0].") for text in told]


def of_volume(**source: Any) -> list[str]:
    return [text.removeprefix("spec.volumes[0].") for text in of_pod(volumes=[{"name": "v", **source}])]


def of_set(**spec: Any) -> list[str]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
    return refused("StatefulSet", {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}})


def test_the_small_objects_are_good() -> None:
    assert of_pod() == of_container() == of_volume() == of_set() == []


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ({"name": ""}, ["name: Required value"]),
        ({"name": "A"}, [f'name: Invalid value: "A": {NAME}']),
        (
            {"imagePullPolicy": "Often"},
            ['imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never"'],
        ),
        ({"image": " i"}, ['image: Invalid value: " i": must not have leading or trailing whitespace']),
        (
            {"terminationMessagePolicy": "x"},
            ['terminationMessagePolicy: Unsupported value: "x": supported values: "File", "FallbackToLogsOnError"'],
        ),
        ({"ports": [{}]}, ["ports[0].containerPort: Required value"]),
        (
            {"ports": [{"containerPort": 1, "protocol": "IP"}]},
            ['ports[0].protocol: Unsupported value: "IP": supported values: "SCTP", "TCP", "UDP"'],
        ),
        (
            {"ports": [{"containerPort": 1, "name": "1"}]},
            ['ports[0].name: Invalid value: "1": must contain at least one letter (a-z)'],
        ),
        (
            {"ports": [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]},
            ['ports[1].hostPort: Duplicate value: "TCP//5"'],
        ),
        ({"env": [{"name": ""}]}, ["env[0].name: Required value"]),
        (
            {"env": [{"name": "a=b"}]},
            [
                'env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable '
                "ASCII characters other than '='"
            ],
        ),
        (
            {"env": [{"name": "a", "valueFrom": {}}]},
            [
                'env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, '
                "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
            ],
        ),
        (
            {"env": [{"name": "a", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
            ["env[0].valueFrom.secretKeyRef.key: Required value"],
        ),
        (
            {"env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]},
            [
                'env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: '
                "field label not supported: spec.nope"
            ],
        ),
        (
            {"env": [{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "x"}}}]},
            [
                'env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "x": supported values: "limits.cpu", '
                '"limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", '
                '"requests.memory"'
            ],
        ),
        ({"envFrom": [{}]}, ['envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`']),
        ({"envFrom": [{"secretRef": {}}]}, ["envFrom[0].secretRef.name: Required value"]),
        ({"volumeMounts": [{"name": "v"}]}, ["volumeMounts[0].mountPath: Required value"]),
        ({"volumeMounts": [{"name": "n", "mountPath": "/"}]}, ['volumeMounts[0].name: Not found: "n"']),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "p", "mountPath": "/a"}]},
            ['volumeMounts[1].mountPath: Invalid value: "/a": must be unique'],
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "/b/../c"}]},
            [
                'volumeMounts.subPath: Invalid value: "/b/../c": must be a relative path',
                "volumeMounts.subPath: Invalid value: \"/b/../c\": must not contain '..'",
            ],
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}]},
            [
                "volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to "
                "privileged containers"
            ],
        ),
        (
            {"volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]},
            [
                'volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim '
                "or Ephemeral for block mode"
            ],
        ),
        (
            {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            ['resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
        ),
        (
            {"resources": {"limits": {"memory": "-1"}, "requests": {"memory": "-1"}}},
            [
                'resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0',
                'resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
        (
            {"resources": {"requests": {"gold": "1"}}},
            [
                'resources.requests[gold]: Invalid value: "gold": must be a standard resource type or fully qualified',
                'resources.requests[gold]: Invalid value: "gold": must be a standard resource for containers',
            ],
        ),
        (
            {"resources": {"requests": {"example.com/gpu": "1"}}},
            ["resources.limits: Required value: Limit must be set for non overcommitable resources"],
        ),
        ({"livenessProbe": {}}, ["livenessProbe: Required value: must specify a handler type"]),
        (
            {"livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}},
            ["livenessProbe.successThreshold: Invalid value: 2: must be 1"],
        ),
        (
            {"readinessProbe": {"tcpSocket": {"port": 0}, "periodSeconds": -1}},
            [
                "readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            {"startupProbe": {"httpGet": {"port": 1, "scheme": "FTP"}}},
            ['startupProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"'],
        ),
        ({"lifecycle": {"preStop": {"exec": {}}}}, ["lifecycle.preStop.exec.command: Required value"]),
        (
            {"lifecycle": {"preStop": {"sleep": {"seconds": 60}}}},
            [
                "lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than "
                "terminationGracePeriodSeconds (30)"
            ],
        ),
        (
            {"securityContext": {"runAsUser": -1}},
            ["securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost"}}},
            [
                "securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is "
                "Localhost"
            ],
        ),
        (
            {"securityContext": {"allowPrivilegeEscalation": False, "privileged": True}},
            [
                'securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,'
                '"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,'
                '"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,'
                '"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true'
            ],
        ),
    ],
)
def test_containers(container: Json, told: list[str]) -> None:
    assert of_container(**container) == told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"emptyDir": {}, "hostPath": {"path": "/"}}, ["hostPath: Forbidden: may not specify more than 1 volume type"]),
        (
            {"emptyDir": {"sizeLimit": "-1"}},
            ["emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"],
        ),
        ({"hostPath": {}}, ["hostPath.path: Required value"]),
        ({"hostPath": {"path": "/a/.."}}, ["hostPath.path: Invalid value: \"/a/..\": must not contain '..'"]),
        ({"secret": {}}, ["secret.secretName: Required value"]),
        (
            {"configMap": {"name": "c", "defaultMode": 512}},
            ["configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"],
        ),
        ({"configMap": {"name": "c", "items": [{"key": "k"}]}}, ["configMap.items[0].path: Required value"]),
        (
            {"configMap": {"name": "c", "items": [{"key": "k", "path": "..a"}]}},
            ["configMap.items[0].path: Invalid value: \"..a\": must not start with '..'"],
        ),
        ({"persistentVolumeClaim": {}}, ["persistentVolumeClaim.claimName: Required value"]),
        (
            {"downwardAPI": {"items": [{"path": "p"}]}},
            ["downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"],
        ),
        (
            {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "status.podIP"}}]}},
            [
                'downwardAPI.fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: '
                '"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"'
            ],
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 10}}]}},
            [
                "projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 10: may not specify a "
                "duration less than 10 minutes"
            ],
        ),
        (
            {"projected": {"sources": [{"secret": {"name": "s"}, "configMap": {"name": "c"}}]}},
            ["projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"],
        ),
        ({"nfs": {"server": "s", "path": "p"}}, ['nfs.path: Invalid value: "p": must be an absolute path']),
        ({"csi": {}}, ["csi.driver: Required value", f'csi.driver: Invalid value: "": {NAME}']),
        ({"ephemeral": {}}, ["ephemeral.volumeClaimTemplate: Required value"]),
    ],
)
def test_volumes(source: Json, told: list[str]) -> None:
    found = of_volume(**source)
    if "csi" in source:
        assert found[0] == told[0] and len(found) == 2
    else:
        assert found == told


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"containers": []}, ["spec.containers: Required value"]),
        ({"volumes": [{"name": "v"}, {"name": "v"}]}, ['spec.volumes[1].name: Duplicate value: "v"']),
        ({"containers": [CONTAINER, CONTAINER]}, ['spec.containers[1].name: Duplicate value: "c"']),
        ({"initContainers": [CONTAINER]}, ['spec.initContainers[0].name: Duplicate value: "c"']),
        (
            {"initContainers": [{"name": "i", "image": "i", "readinessProbe": {"exec": {"command": ["x"]}}}]},
            [
                "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without "
                "restartPolicy=Always"
            ],
        ),
        (
            {"restartPolicy": "Maybe"},
            ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'],
        ),
        (
            {"dnsPolicy": "Mine"},
            [
                'spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", '
                '"ClusterFirst", "Default", "None"'
            ],
        ),
        ({"dnsPolicy": "None"}, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            {"dnsConfig": {"nameservers": ["x"]}},
            [
                'spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, '
                "(e.g. 10.9.8.7 or 2001:db8::ffff)"
            ],
        ),
        ({"hostname": "A"}, [f'spec.hostname: Invalid value: "A": {NAME}']),
        (
            {"activeDeadlineSeconds": 0},
            ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            {"tolerations": [{"operator": "Equal"}]},
            [
                'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, '
                'which means \\"match all values and all keys\\"'.replace('\\"', '"')
            ],
        ),
        (
            {"tolerations": [{"key": "k", "operator": "Exists", "effect": "x"}]},
            [
                'spec.tolerations[0].effect: Unsupported value: "x": supported values: "NoSchedule", '
                '"PreferNoSchedule", "NoExecute"'
            ],
        ),
        (
            {"tolerations": [{"key": "k", "tolerationSeconds": 1}]},
            [
                "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` "
                "is set"
            ],
        ),
        (
            {"hostAliases": [{"ip": "x"}]},
            [
                'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, '
                "(e.g. 10.9.8.7 or 2001:db8::ffff)"
            ],
        ),
        (
            {"topologySpreadConstraints": [{"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
            ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
        ),
        (
            {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}},
            [
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: "
                "Required value: must have at least one node selector term"
            ],
        ),
        (
            {
                "affinity": {
                    "podAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 101, "podAffinityTerm": {"topologyKey": "z"}}
                        ]
                    }
                }
            },
            [
                "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: "
                "Invalid value: 101: must be in the range 1-100"
            ],
        ),
        (
            {"securityContext": {"sysctls": [{"name": "a"}, {"name": "a"}]}},
            ['spec.securityContext.sysctls[1].name: Duplicate value: "a"'],
        ),
        (
            {"hostNetwork": True, "containers": [{**CONTAINER, "ports": [{"containerPort": 1, "hostPort": 2}]}]},
            [
                "spec.containers[0].ports[0].hostPort: Invalid value: 2: must match `containerPort` when `hostNetwork` "
                "is true"
            ],
        ),
        (
            {
                "serviceAccountName": "",
                "volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
            },
            [
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when "
                "serviceAccountName is not set"
            ],
        ),
        (
            {"nodeName": "n", "schedulingGates": [{"name": "a"}]},
            ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
        ),
    ],
)
def test_pods(spec: Json, told: list[str]) -> None:
    assert of_pod(**spec) == told


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"podManagementPolicy": "Wild"},
            ["spec.podManagementPolicy: Invalid value: \"Wild\": must be 'OrderedReady' or 'Parallel'"],
        ),
        (
            {"updateStrategy": {"rollingUpdate": {"partition": -1}}},
            ["spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"],
        ),
        ({"ordinals": {"start": -1}}, ["spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [CONTAINER], "activeDeadlineSeconds": 5},
                }
            },
            [
                "spec.template.spec.activeDeadlineSeconds: Forbidden: "
                "activeDeadlineSeconds in StatefulSet is not Supported"
            ],
        ),
        (
            {
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [CONTAINER], "restartPolicy": "x"},
                }
            },
            [
                'spec.template.spec.restartPolicy: Unsupported value: "x": supported values: '
                '"Always", "OnFailure", "Never"',
                'spec.template.spec.restartPolicy: Unsupported value: "x": supported values: "Always"',
            ],
        ),
        (
            {
                "volumeClaimTemplates": [
                    {
                        "metadata": {"name": "w"},
                        "spec": {"accessModes": ["Any"], "resources": {"requests": {"storage": "1"}}},
                    }
                ]
            },
            [
                'spec.volumeClaimTemplates[0].spec.accessModes: Unsupported value: "Any": supported values: '
                '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'
            ],
        ),
    ],
)
def test_sets(spec: Json, told: list[str]) -> None:
    assert of_set(**spec) == told


def test_labels_are_told_in_the_order_of_their_keys() -> None:
    template = {"metadata": {"labels": {"b": "1", "a": "2"}}, "spec": {"containers": [CONTAINER]}}
    selector = {"matchLabels": {"d": "1", "c": "1"}, "matchExpressions": [{"key": "k", "operator": "Near"}]}
    assert of_set(template=template) == [
        'spec.template.metadata.labels: Invalid value: {"a":"2","b":"1"}: `selector` does not match template `labels`'
    ]
    assert of_set(selector=selector)[1] == (
        'spec.selector: Invalid value: {"matchLabels":{"c":"1","d":"1"},'
        '"matchExpressions":[{"key":"k","operator":"Near"}]}'
    )


@pytest.mark.parametrize(
    ("id", "obj", "told"),
    [
        ("Service", {"spec": {}}, ["spec.ports: Required value"]),
        (
            "Service",
            {"metadata": {"name": "1a"}, "spec": {"type": "ClusterIP", "sessionAffinity": "None"}},
            ["spec.ports: Required value"],
        ),
        (
            "Service",
            {
                "metadata": {"name": "a.b"},
                "spec": {"type": "ClusterIP", "sessionAffinity": "None", "clusterIP": "None"},
            },
            ['metadata.name: Invalid value: "a.b": must not contain dots'],
        ),
        (
            "Service",
            {"spec": {"ports": [{"port": 80}, {"port": 81}]}},
            ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
        ),
        (
            "Service",
            {"spec": {"clusterIP": "None", "ports": [{"port": 0, "protocol": "TCP"}]}},
            [
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            "Service",
            {"spec": {"type": "Magic", "ports": [{"port": 1}]}},
            [
                'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", '
                '"LoadBalancer", "NodePort"'
            ],
        ),
        ("Service", {"spec": {"type": "ExternalName"}}, ["spec.externalName: Required value"]),
        (
            "ConfigMap",
            {"data": {"a b": ""}},
            [
                "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', "
                "'_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
                "'[-._a-zA-Z0-9]+')"
            ],
        ),
        ("Secret", {"type": "kubernetes.io/tls"}, ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
        ("StorageClass", {}, ["provisioner: Required value"]),
        (
            "PersistentVolume",
            {"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}}},
            ["spec: Required value: must specify a volume type"],
        ),
        (
            "PersistentVolume",
            {"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}, "local": {"path": "/x"}}},
            ["spec.nodeAffinity: Required value: Local volume requires node affinity"],
        ),
        ("ControllerRevision", {}, ["data: Required value: data is mandatory"]),
        (
            "ConfigMap",
            {"metadata": {"name": "c", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]}},
            ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
        ),
        (
            "ConfigMap",
            {
                "metadata": {
                    "name": "c",
                    "ownerReferences": [{"apiVersion": "a/b/c", "kind": "K", "name": "n", "uid": "u"}],
                }
            },
            ['metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty'],
        ),
        ("Namespace", {"metadata": {"name": "a.b"}}, ['metadata.name: Invalid value: "a.b": must not contain dots']),
        (
            "ConfigMap",
            {"metadata": {"name": "c", "finalizers": ["mine"]}},
            [
                'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it '
                "fully qualified"
            ],
        ),
        (
            "EndpointSlice",
            {"addressType": "IPv4", "endpoints": [{"addresses": []}]},
            ["endpoints[0].addresses: Required value: must contain at least 1 address"],
        ),
        (
            "Lease",
            {"spec": {"leaseDurationSeconds": 0}},
            ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
        ),
        (
            "Event",
            {"metadata": {"name": "e", "namespace": "ns"}, "involvedObject": {"namespace": "other"}},
            ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
        ),
    ],
)
def test_the_rest(id: str, obj: Json, told: list[str]) -> None:
    assert refused(id, obj) == told
