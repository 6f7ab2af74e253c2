"""Request by request: what a real 1.36 server answers, as one line of truth each."""

from base64 import b64encode
from typing import Any

import pytest
from asking import CONFIG_MAPS, MERGE, PODS, SETS, Client, config_map, obj, pod, stateful_set

CORE = "/api/v1/namespaces/default"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
OPERATIONS = {"content-type": "application/json-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
SET = f"{SETS}/web"
REFUSED = "the server rejected our request due to an error in our request"
TYPED = "failed to create typed patch object (default/web; apps/v1, Kind=StatefulSet): "
MISFIT = ' "" is invalid: patch: Invalid value: '


def told(answer: Any) -> str:
    """The code and the message; of a quoted object only that it is quoted."""
    text = "" if answer.code < 400 else answer.message
    if text.startswith(MISFIT + '"{'):
        text = f"{MISFIT}...{text.rpartition('}')[2][1:]}"
    return f"{answer.code} {text}".strip()


@pytest.mark.parametrize(
    ("media", "patch", "query", "answer"),
    [
        (OPERATIONS, {}, "", "400 error decoding patch: json: cannot unmarshal object into Go value of type []{op}"),
        (OPERATIONS, ["x"], "", "400 error decoding patch: json: cannot unmarshal string into Go value of type {op}"),
        (
            OPERATIONS,
            [{"op": 5}],
            "",
            "400 error decoding patch: json: cannot unmarshal number into Go struct field "
            "jsonPatchOp.op of type string",
        ),
        (OPERATIONS, b"null", "", "200"),
        (OPERATIONS, [{"op": "frob", "path": "/a"}], "", f"422 {REFUSED}"),
        (OPERATIONS, [{"op": "replace", "path": "/kind", "value": "X"}], "", f'422 {MISFIT}...: no kind "X" is {{no}}'),
        (
            OPERATIONS,
            b'[{"op":"add","path":"/metadata/labels","value":{},"foo":1,"path":"/metadata/labels"}]',
            "?fieldValidation=Strict",
            f'422 {MISFIT}...: strict decoding error: json patch unknown field "[0].foo", '
            'json patch duplicate field "[0].path"',
        ),
        (MERGE, b"null", "", "400 Invalid JSON Patch"),
        (
            MERGE,
            {"apiVersion": "v1"},
            "",
            f'422 {MISFIT}...: no kind "StatefulSet" is registered for version "v1" {{in}}',
        ),
        (
            MERGE,
            b'{"spec":{"replicas":1,"replicas":2}}',
            "?fieldValidation=Strict",
            f'422 {MISFIT}...: strict decoding error: duplicate field "spec.replicas"',
        ),
        (STRATEGIC, b"null", "", "200"),
        (
            STRATEGIC,
            b'{"spec":{"replicas":1,"replicas":2}}',
            "?fieldValidation=Strict",
            f'422 {MISFIT}"map[spec:map[replicas:2]]": strict decoding error: duplicate field "spec.replicas"',
        ),
        (
            STRATEGIC,
            {"spec": {"replicas": "x"}},
            "",
            f'422 {MISFIT}"map[spec:map[replicas:x]]": unrecognized type: int32',
        ),
        (
            MERGE,
            {},
            "?fieldManager=a%07",
            '422 PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\a": '
            "invalid character U+0007 (at position 1)",
        ),
    ],
)
def test_patches(client: Client, media: Any, patch: Any, query: str, answer: str) -> None:
    client.ask("POST", SETS, stateful_set("web"))
    answer = answer.replace("{op}", "handlers.jsonPatchOp").replace(
        "{in}", 'in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )
    answer = answer.replace("{no}", 'registered for version "apps/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"')
    assert told(client.ask("PATCH", SET + query, patch, media)) == answer


def test_a_refused_patch_is_shown_as_go_writes_json(client: Client) -> None:
    """Numbers as they were written, and nothing that could be read as HTML."""
    client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"z": "<&>"}})
    got = client.ask("PATCH", f"{CONFIG_MAPS}/a", b'{"data":{"n":1.50}}', MERGE)
    assert got.code == 422
    assert r"\"n\":1.50,\"z\":\"\\u003c\\u0026\\u003e\"" in got.body["message"]


def test_repeated_fields_of_a_patch_are_warned_of(client: Client) -> None:
    client.ask("POST", SETS, stateful_set("web"))
    got = client.ask("PATCH", SET, b'{"spec":{"replicas":1,"replicas":2,"x":1}}', MERGE)
    assert got.warnings == ('duplicate field "spec.replicas"', 'unknown field "spec.x"')


def test_a_misfit_is_told_in_the_order_of_go(client: Client) -> None:
    client.ask("POST", SETS, stateful_set("web"))
    got = client.ask("PATCH", SET, [{"op": "replace", "path": "/spec/replicas", "value": "x"}], OPERATIONS)
    text = got.message.replace("\\", "")
    places = [text.index(f'"{name}":') for name in ("uid", "resourceVersion", "generation", "managedFields", "spec")]
    assert places == sorted(places)
    assert text.index('"terminationMessagePolicy":') < text.index('"imagePullPolicy":"IfNot')


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"replicas": "x"}, f"500 {TYPED}.spec.replicas: expected numeric (int or float), got string"),
        (
            {"serviceName": {"a": [1]}},
            "expected string, got &value.valueUnstructured{Value:map[string]interface {}{{a}}}",
        ),
        ({"nope": 1}, f"500 {TYPED}.spec.nope: field not declared in schema"),
        (
            {"template": {"spec": {"containers": [{"name": "c", "nope": 1}]}}},
            f'500 {TYPED}.spec.template.spec.containers[name="c"].nope: field not declared in schema',
        ),
        (
            {"template": {"spec": {"containers": {"a": 1}}}},
            f"500 {TYPED}.spec.template.spec.containers: expected list, got &{{map[a:1]}}",
        ),
        (
            {"template": {"spec": {"containers": [{"name": "c"}, {"name": "c"}]}}},
            f'500 {TYPED}.spec.template.spec.containers: duplicate entries for key [name="c"]',
        ),
    ],
)
def test_applying_what_does_not_fit(client: Client, change: Any, answer: str) -> None:
    given = stateful_set("web")
    given["spec"].update(change)
    answer = answer.replace("{a}", '"a":[]interface {}{1}')
    assert told(client.ask("PATCH", f"{SET}?fieldManager=m", given, APPLY)).endswith(answer)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", "400 invalid object type: /, Kind="),
        (b"null", "400 invalid object type: /, Kind="),
        (b"apiVersion: v1\nkind: Secret\n", "400 invalid object type: /v1, Kind=Secret"),
        (
            b"[]",
            "400 error decoding YAML: error unmarshaling JSON: while decoding JSON: "
            "json: cannot unmarshal array into Go "
            "value of type map[string]interface {}",
        ),
        (
            b"a: b: c",
            "400 error decoding YAML: error converting YAML to JSON: "
            "yaml: mapping values are not allowed in this "
            "context",
        ),
        (
            b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"nope":1}',
            "500 failed to create typed patch object (/a; /v1, Kind=ConfigMap): .nope: field not declared in schema",
        ),
        (
            b'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: "1"\n  x: "2"\n',
            "400 error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n"
            '  line 6: key "x" already set in map',
        ),
        (b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}', "201"),
        (
            b'{"apiVersion":"v1","kind":"ConfigMap"}',
            "400 the name of the object (a based on URL) was undeterminable: name must be provided",
        ),
    ],
)
def test_bodies_of_an_apply(client: Client, body: bytes, answer: str) -> None:
    assert told(client.ask("PATCH", f"{CONFIG_MAPS}/a?fieldManager=m&fieldValidation=Strict", body, APPLY)) == answer


@pytest.mark.parametrize("part", ["labels", "annotations", "finalizers"])
def test_all_labels_may_be_applied_away(client: Client, part: str) -> None:
    """A name is nobody's, and does not go with the last label that its applier has dropped."""
    given = config_map("a", k="v")
    dressed = {**given, "metadata": {**given["metadata"], part: ["a.b/c"] if part == "finalizers" else {"a": "b"}}}
    url = f"{CONFIG_MAPS}/a?fieldManager=m"
    assert client.ask("PATCH", url, dressed, APPLY).code == 201
    got = client.ask("PATCH", url, given, APPLY)
    assert (got.code, got.body["metadata"].get(part), got.body["metadata"]["name"]) == (200, None, "a")


def test_who_applies_to_what_is_there_need_not_name_it(client: Client) -> None:
    client.ask("POST", CONFIG_MAPS, config_map("a", k="v"))
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": "1"}}
    got = client.ask("PATCH", f"{CONFIG_MAPS}/a?fieldManager=m", bare, APPLY)
    assert (got.code, got.body["data"]) == (200, {"k": "v", "x": "1"})


def text64(text: str) -> str:
    return b64encode(text.encode()).decode()


LIMITED = {"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}, "default": {"cpu": "3"}}
BINDING = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}}


@pytest.mark.parametrize(
    ("place", "given", "wrong"),
    [
        ("configmaps", {"data": {"a": "x" * 1048577}}, ["[]: Too long: may not be more than 1048576 bytes"]),
        (
            "secrets",
            {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": text64("x")}},
            [
                'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": '
                "invalid character 'x' looking for beginning of value"
            ],
        ),
        (
            "secrets",
            {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": text64("[]")}},
            [
                'data[.dockercfg]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go '
                "value of type map[string]interface {}"
            ],
        ),
        (
            "secrets",
            {"type": "kubernetes.io/ssh-auth", "data": {"ssh-privatekey": ""}},
            ["data[ssh-privatekey]: Required value"],
        ),
        (
            "limitranges",
            {"spec": {"limits": [{**LIMITED, "defaultRequest": {"cpu": "1500m"}}]}},
            [
                'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
                'spec.limits[0].defaultRequest[cpu]: Invalid value: "1500m": '
                "min value 2 is greater than default request value 1500m",
                'spec.limits[0].defaultRequest[cpu]: Invalid value: "1500m": '
                "default request value 1500m is greater than max value 1",
                'spec.limits[0].default[cpu]: Invalid value: "1": default value 3 is greater than max value 1',
            ],
        ),
        (
            "limitranges",
            {"spec": {"limits": [{"type": "X", "min": {"foo": "1"}, "maxLimitRequestRatio": {"cpu": "500m"}}]}},
            [
                'spec.limits[0].type: Invalid value: "X": must be a standard limit type or fully qualified',
                'spec.limits[0].min[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
                'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
            ],
        ),
        (
            "resourcequotas",
            {"spec": {"hard": {"foo": "1", "pods": "1500m", "storage": "1", "requests.storage": "1Gi"}}},
            [
                'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
                'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
                'spec.hard[pods]: Invalid value: "1500m": must be an integer',
                'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
            ],
        ),
        (
            "resourcequotas",
            {"spec": {"hard": {"services": "1"}, "scopes": ["BestEffort", "NotBestEffort", "X"]}},
            [
                f'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: {why}'
                for why in (
                    "unsupported scope applied to resource",
                    "unsupported scope applied to resource",
                    "unsupported scope",
                    "conflicting scopes",
                )
            ],
        ),
        (
            "rolebindings",
            {"roleRef": {"apiGroup": "x", "kind": "y"}, "subjects": [{"kind": "z", "name": "n"}]},
            [
                'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
                'roleRef.kind: Unsupported value: "y": supported values: "Role", "ClusterRole"',
                "roleRef.name: Required value",
                'subjects[0].kind: Unsupported value: "z": supported values: "ServiceAccount", "User", "Group"',
            ],
        ),
        (
            "services",
            {"spec": {"ports": [{"port": 80}], "healthCheckNodePort": 30000}},
            [
                "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and "
                "`externalTrafficPolicy` is 'Local'"
            ],
        ),
        (
            "pods",
            {
                "spec": {
                    "os": {"name": "linux"},
                    "containers": [{"name": "c", "image": "i", "securityContext": {"windowsOptions": {}}}],
                }
            },
            [
                "spec.containers[0].securityContext.windowsOptions: "
                "Forbidden: windows options cannot be set for a linux pod"
            ],
        ),
    ],
)
def test_what_may_not_be_created(client: Client, place: str, given: Any, wrong: list[str]) -> None:
    base = f"{RBAC}/namespaces/default" if place == "rolebindings" else CORE
    version = "rbac.authorization.k8s.io/v1" if place == "rolebindings" else "v1"
    kind = client.api.core.registry.by_word(place)
    assert kind is not None
    got = client.ask("POST", f"{base}/{place}", obj(version, kind.name, "x", **given))
    assert [f"{cause['field']}: {cause['message']}" for cause in got.body["details"]["causes"]] == wrong


def test_a_certificate_that_is_none_is_warned_of(client: Client) -> None:
    secret = obj("v1", "Secret", "s", type="kubernetes.io/tls", data={"tls.crt": "", "tls.key": ""})
    got = client.ask("POST", f"{CORE}/secrets", secret)
    assert got.warnings == ("tls: failed to find any PEM data in certificate input",)


def test_a_role_once_bound_stays(client: Client) -> None:
    bindings = f"{RBAC}/namespaces/default/rolebindings"
    binding = obj("rbac.authorization.k8s.io/v1", "RoleBinding", "b", **BINDING)
    assert client.ask("PUT", f"{bindings}/b", binding).code == 201  # a PUT may create
    got = client.ask("PATCH", f"{bindings}/b", {"roleRef": {"name": "edit"}}, MERGE)
    shown = '{"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}'
    assert got.body["details"]["causes"][0]["message"] == f"Invalid value: {shown}: cannot change roleRef"


@pytest.mark.parametrize(
    ("then", "gone", "kept"),
    [
        ({"type": "ClusterIP"}, ["nodePort", "externalTrafficPolicy"], ["clusterIP"]),
        ({"type": "ExternalName", "externalName": "a.b"}, ["clusterIP", "clusterIPs", "ipFamilies", "nodePort"], []),
        ({"type": "LoadBalancer", "externalTrafficPolicy": "Local"}, [], ["healthCheckNodePort", "nodePort"]),
    ],
)
def test_what_another_type_has_no_use_for_goes(client: Client, then: Any, gone: list[str], kept: list[str]) -> None:
    client.ask(
        "POST", f"{CORE}/services", obj("v1", "Service", "s", spec={"type": "NodePort", "ports": [{"port": 80}]})
    )
    got = client.ask("PATCH", f"{CORE}/services/s", {"spec": then}, MERGE)
    assert got.code == 200
    there = {**got.body["spec"], **got.body["spec"]["ports"][0]}
    assert [name for name in gone if name in there] == []
    assert [name for name in kept if name in there] == kept
    back = client.ask("PATCH", f"{CORE}/services/s", {"spec": {"type": "ClusterIP"}}, MERGE)
    assert "healthCheckNodePort" not in back.body["spec"]


def test_a_lease_is_updated_from_its_newest_state(client: Client) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    lease = obj("coordination.k8s.io/v1", "Lease", "l", spec={})
    client.ask("POST", leases, lease)
    assert told(client.ask("PUT", f"{leases}/l", lease)) == (
        '422 leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: '
        "Invalid value: 0: must be specified for "
        "an update"
    )


def test_any_revision_has_no_pages(client: Client) -> None:
    for name in "abc":
        client.ask("POST", CONFIG_MAPS, config_map(name))
    assert len(client.get(f"{CONFIG_MAPS}?limit=2").body["items"]) == 2
    whole = client.get(f"{CONFIG_MAPS}?limit=2&resourceVersion=0").body
    assert (len(whole["items"]), whole["metadata"].get("continue")) == (3, None)


def test_a_quota_is_told_before_a_name_that_is_taken(client: Client) -> None:
    client.ask("POST", CONFIG_MAPS, config_map("a"))
    client.ask("POST", f"{CORE}/resourcequotas", obj("v1", "ResourceQuota", "q", spec={"hard": {"configmaps": "1"}}))
    assert client.ask("POST", CONFIG_MAPS, config_map("a")).code == 403


EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
SAID = {
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    "eventTime": "2026-01-02T00:00:00.000000Z",
    "reportingController": "a.b/c",
    "reportingInstance": "i",
    "action": "A",
    "reason": "R",
    "type": "Normal",
}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, []),
        ({"eventTime": None}, ["eventTime: Required value"]),
        ({"type": "x"}, ['type: Invalid value: "": has invalid value: x']),
        ({"deprecatedCount": 1}, ['count: Invalid value: "": needs to be unset']),
        ({"deprecatedSource": {"host": "h"}}, ['source: Invalid value: "": needs to be unset']),
        (
            {"series": {"count": 1}},
            ['series.count: Invalid value: "": should be at least 2', "series.lastObservedTime: Required value"],
        ),
    ],
)
def test_events_under_their_newer_names(client: Client, given: Any, wrong: list[str]) -> None:
    got = client.ask("POST", EVENTS, obj("events.k8s.io/v1", "Event", "e", **{**SAID, **given}))
    causes = got.body["details"]["causes"] if got.code == 422 else []
    assert [f"{cause['field']}: {cause['message']}" for cause in causes] == wrong


def test_events_are_told_of_as_the_cores(client: Client) -> None:
    event = obj("events.k8s.io/v1", "Event", "e", **SAID)
    assert client.ask("POST", EVENTS, event).code == 201
    assert told(client.ask("POST", EVENTS, event)) == '409 events "e" already exists'
    assert told(client.get(f"{EVENTS}/none")) == '404 events "none" not found'
    got = client.ask("PATCH", f"{EVENTS}/e", {"reason": "S"}, MERGE)
    assert told(got) == '422 Event "e" is invalid: reason: Invalid value: "S": field is immutable'
    assert len(got.body["details"]["causes"]) == 2, "upstream looks at the reason twice"


EMPTY_REFERENCE = '"UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""'


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (
            {"regarding": {"kind": "Pod", "name": "q", "namespace": "default"}},
            f'involvedObject: Invalid value: {{"Kind":"Pod","Namespace":"default","Name":"q",{EMPTY_REFERENCE}}}',
        ),
        (
            {"related": {"name": "q"}},
            f'related: Invalid value: {{"Kind":"","Namespace":"","Name":"q",{EMPTY_REFERENCE}}}',
        ),
        ({"deprecatedSource": {"host": "h"}}, 'source: Invalid value: {"Component":"","Host":"h"}'),
        ({"deprecatedCount": 2}, "count: Invalid value: 2"),
        ({"note": "<n>"}, 'message: Invalid value: "<n>"'),
    ],
)
def test_what_an_event_said_is_shown_as_upstream_holds_it(client: Client, given: Any, wrong: str) -> None:
    client.ask("POST", EVENTS, obj("events.k8s.io/v1", "Event", "e", **SAID))
    assert told(client.ask("PATCH", f"{EVENTS}/e", given, MERGE)) == (
        f'422 Event "e" is invalid: {wrong}: field is immutable'
    )


def test_a_series_is_looked_at_where_it_changes(client: Client) -> None:
    client.ask("POST", f"{CORE}/events", obj("v1", "Event", "old", involvedObject={"namespace": "default"}))
    got = client.ask("PATCH", f"{CORE}/events/old", {"series": {"count": 1}}, MERGE)
    assert got.code == 200
    assert client.ask("PATCH", f"{EVENTS}/old", {"metadata": {"labels": {"a": "b"}}}, MERGE).code == 200
    assert client.ask("PATCH", f"{EVENTS}/old", {"series": {"count": 0}}, MERGE).code == 422


def test_a_body_speaks_of_the_object_of_its_url(client: Client) -> None:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {"name": "x"}, "spec": {}}
    assert told(client.ask("POST", f"{CORE}/serviceaccounts/default/token", request)) == (
        '422 TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "x": '
        "must match the service account name if specified"
    )
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "q"}, "target": {"name": "n"}}
    assert told(client.ask("POST", f"{CORE}/pods/p/binding", binding)) == (
        "400 name in URL does not match name in Binding object"
    )


@pytest.mark.parametrize("url", ["/version", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1"])
def test_discovery_is_read_only(client: Client, url: str) -> None:
    assert client.ask("POST", url).code == 405


REVIEWS = "/apis/authorization.k8s.io/v1"
NOBODY = '422 .authorization.k8s.io "" is invalid: '


@pytest.mark.parametrize(
    ("place", "kind", "spec", "answer"),
    [
        ("subjectaccessreviews", "SubjectAccessReview", {"user": "u", "resourceAttributes": {"verb": "get"}}, "201"),
        (
            "subjectaccessreviews",
            "SubjectAccessReview",
            {"resourceAttributes": {"verb": "get"}},
            f'{NOBODY}spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        (
            "selfsubjectaccessreviews",
            "SelfSubjectAccessReview",
            {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"path": "/"}},
            f'{NOBODY}spec.nonResourceAttributes: Invalid value: {{"Path":"/","Verb":""}}: '
            "cannot be specified in combination with resourceAttributes",
        ),
        (
            "namespaces/default/localsubjectaccessreviews",
            "LocalSubjectAccessReview",
            {"user": "u", "resourceAttributes": {"verb": "get", "namespace": "other"}},
            f'{NOBODY}spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
        ),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview", {}, "400 no namespace on request"),
    ],
)
def test_reviews(client: Client, place: str, kind: str, spec: Any, answer: str) -> None:
    asked = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    assert told(client.ask("POST", f"{REVIEWS}/{place}", asked)) == answer


def test_a_review_of_no_token(client: Client) -> None:
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {}}
    got = client.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", asked)
    assert told(got) == "400 token is required for TokenReview in authentication"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("?dryRun=All", {}),
        ("", {"deleteOptions": {"dryRun": ["All"]}}),
        ("?dryRun=All", {"apiVersion": "policy/v1beta1"}),
    ],
)
def test_an_eviction_for_show(client: Client, query: str, body: Any) -> None:
    client.ask("POST", PODS, pod("p"))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}, **body}
    assert client.ask("POST", f"{PODS}/p/eviction{query}", eviction).code == 201
    assert client.get(f"{PODS}/p").code == 200


def test_endpoints_are_of_the_past(client: Client) -> None:
    said = ("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",)
    place = f"{CORE}/endpoints"
    answers = [
        client.ask("POST", place, obj("v1", "Endpoints", "e")),
        client.get(place),
        client.get(f"{place}/none"),
        client.ask("DELETE", f"{place}/e"),
    ]
    assert [(answer.code, answer.warnings) for answer in answers] == [(code, said) for code in (201, 200, 404, 200)]
    assert client.watch(f"{place}?watch=1").stream.warnings == said


def test_a_refusal_keeps_its_warnings(client: Client) -> None:
    given = stateful_set("web", -1)
    given["spec"]["nope"] = 1
    got = client.ask("POST", SETS, given)
    assert (got.code, got.warnings) == (422, ('unknown field "spec.nope"',))


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
ZONE = "failure-domain.beta.kubernetes.io/zone"
OLD_ZONE = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"nodeSelector": {ZONE: "z"}}, f"nodeSelector[{ZONE}]: {OLD_ZONE}"),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [{"key": ZONE, "operator": "Exists"}]}]}
                    }
                }
            },
            f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].key: {ZONE} is {OLD_ZONE}",
        ),
        (
            {"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "z"}]}}},
            f"affinity.podAffinity.{REQUIRED}[0].labelSelector: a null labelSelector results in matching no pod",
        ),
        (
            {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
            "topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        ),
        (
            {"volumes": [{"name": "v", "rbd": {"monitors": ["m"], "image": "i"}}]},
            "volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+",
        ),
        (
            {"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a"]}, {"ip": "1.2.3.4", "hostnames": ["b"]}]},
            'hostAliases[1].ip: duplicate ip "1.2.3.4"',
        ),
        ({"imagePullSecrets": [{"name": "a"}, {"name": "a"}]}, 'imagePullSecrets[1].name: duplicate name "a"'),
    ],
)
def test_warnings_of_pods_and_templates(client: Client, spec: Any, said: str) -> None:
    one = pod("p")
    one["spec"].update(spec)
    assert client.ask("POST", PODS, one).warnings == (f"spec.{said}",)
    many = stateful_set("web")
    many["spec"]["template"]["spec"].update(spec)
    assert client.ask("POST", SETS, many).warnings == (f"spec.template.spec.{said}",)


def test_warnings_of_annotations_and_headless_services(client: Client) -> None:
    one = pod("p", annotations={"scheduler.alpha.kubernetes.io/critical-pod": ""})
    assert client.ask("POST", PODS, one).warnings == (
        "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; "
        'use the "priorityClassName" field instead',
    )
    service = obj("v1", "Service", "s", spec={"clusterIP": "None", "sessionAffinity": "ClientIP"})
    got = client.ask("POST", f"{CORE}/services", service)
    assert got.warnings == ("spec.SessionAffinity is ignored for headless services",)


def test_what_a_patch_says_that_nobody_reads_is_told_in_order(client: Client) -> None:
    """A map has no order: upstream sorts what it found there. A merge patch leaves the fields it touched sorted."""
    client.ask("POST", SETS, stateful_set("web"))
    patch = {"spec": {"zz": 1, "aa": 1}, "metadata": {"mm": 1}}
    for media in (MERGE, STRATEGIC):
        got = client.ask("PATCH", f"{SET}?dryRun=All", patch, media)
        assert got.warnings == ('unknown field "metadata.mm"', 'unknown field "spec.aa"', 'unknown field "spec.zz"')


def test_keys_given_twice_in_yaml(client: Client) -> None:
    body = b'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: "1"\n  k: "2"\n'
    text = 'yaml: unmarshal errors:\n  line 6: key "k" already set in map'
    yaml = {"content-type": "application/yaml"}
    assert told(client.ask("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", body, yaml)) == (
        f'400 ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: {text}'
    )
    got = client.ask("POST", CONFIG_MAPS, body, yaml)
    assert (got.code, got.body["data"], got.warnings) == (201, {"k": "2"}, ('line 6: key "k" already set in map',))
