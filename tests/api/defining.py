"""Definitions of custom kinds, as tests write them: a schema, and what stands around it."""

from typing import Any

from asking import Answer, Client, Json

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/default/things"
AT_SCHEMA = "spec.validation.openAPIV3Schema"


def an_object(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def a_definition(schema: Json, plural: str = "things", /, **version: Any) -> Json:
    kind = plural[:-1].capitalize()
    made = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": plural, "kind": kind},
        "versions": [made],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": spec,
    }


def with_spec(*rules: Json, **properties: Any) -> Json:
    """A schema whose spec has these fields and rules."""
    spec = {**an_object(**properties), **({"x-kubernetes-validations": list(rules)} if rules else {})}
    return an_object(spec=spec)


def a_thing(called: str = "t", /, **spec: Any) -> Json:
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": called}, "spec": spec}


def defined(client: Client, schema: Json, /, **version: Any) -> Client:
    made = client.ask("POST", DEFINITIONS, a_definition(schema, **version))
    assert made.code == 201, made.body
    return client


def causes(answer: Answer) -> list[tuple[str, str]]:
    assert answer.code == 422, answer.body
    return [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]]
