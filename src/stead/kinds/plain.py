"""ConfigMap, Secret and ServiceAccount: kinds that hold something and do nothing."""

import base64
from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.checks import unchanged
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.defaulting import each, filled
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import config_key_faults, subdomain_faults
from stead.machinery import fields, gojson, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig, without
from stead.machinery.times import Now

_LIMIT_BYTES = 1024 * 1024
ENFORCED = "kubernetes.io/enforce-mountable-secrets"
_IMMUTABLE_SET = "field is immutable when `immutable` is set"

# --- what they become


def default_secret(obj: Json) -> Json:
    """Type `Opaque`; what came as plain text is kept encoded with the rest of the data."""
    texts = obj.get("stringData") or {}
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        obj = {**obj, "data": {**(obj.get("data") or {}), **encoded}}
    return filled(without(obj, "stringData"), type="Opaque")


def prepare_account(obj: Json) -> Json:
    """Of the secrets that pods may mount only the names are kept."""
    return each(obj, "secrets", lambda secret: {"name": secret["name"]} if secret.get("name") else {})


# --- what they may not be


def validate_config_map(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *_config_map_errors(obj)]


def validate_config_map_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = objectmeta.validate_update(new, old)
    return [*errors, *_kept_immutable(new, old, ("data", "binaryData")), *validate_config_map(new)]


def validate_secret(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *_secret_errors(obj)]


def validate_secret_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = objectmeta.validate_update(new, old)
    errors += unchanged("type", new.get("type"), old.get("type"))
    return [*errors, *_kept_immutable(new, old, ("data",)), *validate_secret(new)]


def validate_account(obj: Json) -> Sequence[FieldError]:
    return objectmeta.validate_create(obj, subdomain_faults)


def validate_account_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_update(new, old), *validate_account(new)]


def _kept_immutable(new: Json, old: Json, members: Sequence[str]) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    errors: list[FieldError] = []
    if not new.get("immutable"):
        errors.append(fields.forbidden("immutable", _IMMUTABLE_SET))
    changed = [member for member in members if (new.get(member) or {}) != (old.get(member) or {})]
    return [*errors, *(fields.forbidden(member, _IMMUTABLE_SET) for member in changed)]


def _config_map_errors(obj: Json) -> list[FieldError]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    errors: list[FieldError] = []
    for key in sorted(data):
        errors += [fields.invalid(f"data[{key}]", key, fault) for fault in config_key_faults(key)]
        if key in binary:
            errors.append(fields.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in sorted(binary):
        errors += [fields.invalid(f"binaryData[{key}]", key, fault) for fault in config_key_faults(key)]
    if sum(len(text.encode()) for text in data.values()) + _bytes_of(binary) > _LIMIT_BYTES:
        errors.append(fields.too_long("[]", _LIMIT_BYTES))  # the whole object, as upstream names it
    return errors


# type -> keys that must be there
_SECRET_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret_errors(obj: Json) -> list[FieldError]:
    data = obj.get("data") or {}
    errors: list[FieldError] = []
    for key in sorted(data):
        errors += [fields.invalid(f"data[{key}]", key, fault) for fault in config_key_faults(key)]
    if _bytes_of(data) > _LIMIT_BYTES:
        errors.append(fields.too_long("data", _LIMIT_BYTES))
    return [*errors, *_secret_type_errors(obj, data)]


def _secret_type_errors(obj: Json, data: Json) -> list[FieldError]:
    type_ = obj.get("type", "")
    if type_ == "kubernetes.io/service-account-token":
        named = dig(obj, "metadata", "annotations", "kubernetes.io/service-account.name", default="")
        return [] if named else [fields.required("metadata.annotations[kubernetes.io/service-account.name]")]
    if type_ == "kubernetes.io/basic-auth" and not ("username" in data or "password" in data):
        return [fields.required("data[username]"), fields.required("data[password]")]
    missing = [fields.required(f"data[{key}]") for key in _SECRET_KEYS.get(type_, ()) if not _is_given(data, key)]
    return missing or [error for key in _HOLDING_JSON.get(type_, ()) for error in _json_errors(data[key], key)]


def _is_given(data: Json, key: str) -> bool:
    """A private key must say something; of the others it is enough that they are there."""
    return bool(data.get(key)) if key == "ssh-privatekey" else key in data


def _json_errors(encoded: str, key: str) -> list[FieldError]:
    """What holds an object in JSON must hold one; what it holds is nobody's business."""
    text = base64.b64decode(encoded or "")
    told = gojson.fault(text)
    if not told and not text.strip().startswith((b"{", b"null")):
        told = f"json: cannot unmarshal {gojson.word(text)} into Go value of type map[string]interface {{}}"
    return [fields.invalid(f"data[{key}]", "<secret contents redacted>", told)] if told else []


def secret_warnings(new: Json, old: Json | None) -> list[str]:
    """A certificate and its key that no server could use."""
    if new.get("type") != "kubernetes.io/tls":
        return []
    for key, word in (("tls.crt", "certificate"), ("tls.key", "key")):
        if b"-----BEGIN " not in base64.b64decode((new.get("data") or {}).get(key, "")):
            return [f"tls: failed to find any PEM data in {word} input"]
    return []


_HOLDING_JSON = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}


def _bytes_of(data: Json) -> int:
    """Bytes behind base64 texts, without decoding them."""
    return sum(len(text) * 3 // 4 - text[-2:].count("=") for text in data.values())


def account_warnings(new: Json, old: Json | None) -> list[str]:
    """An annotation that had its day; who has it already has been told."""
    if old is not None and ENFORCED in meta.annotations(old):
        return []
    told = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
    return [f"metadata.annotations[{ENFORCED}]: {told}"] if ENFORCED in meta.annotations(new) else []


# --- how they are shown, what they are


def _count(*members: str) -> Column:
    def cell(obj: Json, now: Now) -> int:
        return sum(len(obj.get(member) or {}) for member in members)

    return Column("Data", cell, description="How many keys it holds.")


CONFIG_MAP = Kind(
    id="ConfigMap",
    name="ConfigMap",
    plural="configmaps",
    version="v1",
    short_names=("cm",),
    type="core.v1.ConfigMap",
    validate_create=validate_config_map,
    validate_update=validate_config_map_update,
    columns=(NAME, _count("data", "binaryData"), AGE),
)

SECRET = Kind(
    id="Secret",
    name="Secret",
    plural="secrets",
    version="v1",
    type="core.v1.Secret",
    default=default_secret,
    validate_create=validate_secret,
    validate_update=validate_secret_update,
    warnings=secret_warnings,
    columns=(NAME, Column("Type", at("type"), description="What its data means."), _count("data"), AGE),
    selectable_fields={"type": lambda obj: obj.get("type", "")},
)

SERVICE_ACCOUNT = Kind(
    id="ServiceAccount",
    name="ServiceAccount",
    plural="serviceaccounts",
    version="v1",
    short_names=("sa",),
    type="core.v1.ServiceAccount",
    allows_unconditional_update=False,
    prepare_create=prepare_account,
    prepare_update=lambda new, old: prepare_account(new),
    validate_create=validate_account,
    validate_update=validate_account_update,
    warnings=account_warnings,
    columns=(
        NAME,
        Column("Secrets", lambda obj, now: len(obj.get("secrets") or []), description="How many secrets it lists."),
        AGE,
    ),
    subresources=(Subresource("token", ("create",), kind="TokenRequest", group="authentication.k8s.io", version="v1"),),
)
