"""What a volume becomes: every source type's defaults (D-4 in api.md)."""

from stead.kinds.containers import default_field_ref, default_resources, pull_policy
from stead.kinds.defaulting import by_member, each, filled, within
from stead.machinery.objects import Json

_MODE = 0o644
_TOKEN_SECONDS = 3600


def default_volume(volume: Json) -> Json:
    """A volume that says nothing of its source is an empty directory."""
    if not any(key != "name" and value is not None for key, value in volume.items()):
        return {**volume, "emptyDir": {}}
    return by_member(volume, _SOURCES)


def default_claim_spec(spec: Json) -> Json:
    return within(filled(spec, volumeMode="Filesystem", resources={}), "resources", default_resources)


def _default_downward(source: Json) -> Json:
    return each(source, "items", default_field_ref)


def _default_projection(projection: Json) -> Json:
    projection = within(projection, "serviceAccountToken", lambda s: filled(s, expirationSeconds=_TOKEN_SECONDS))
    return within(projection, "downwardAPI", _default_downward)


def _default_claim_template(source: Json) -> Json:
    return within(source, "volumeClaimTemplate", lambda template: within(template, "spec", default_claim_spec))


_SOURCES = (
    ("secret", lambda s: filled(s, defaultMode=_MODE)),
    ("configMap", lambda s: filled(s, defaultMode=_MODE)),
    ("downwardAPI", lambda s: filled(_default_downward(s), defaultMode=_MODE)),
    ("projected", lambda s: filled(each(s, "sources", _default_projection), defaultMode=_MODE)),
    ("hostPath", lambda s: filled(s, type="")),
    ("ephemeral", _default_claim_template),
    ("image", lambda s: filled(s, pullPolicy=pull_policy(s.get("reference", "")))),
    ("iscsi", lambda s: filled(s, iscsiInterface="default")),
    ("rbd", lambda s: filled(s, pool="rbd", user="admin", keyring="/etc/ceph/keyring")),
    ("scaleIO", lambda s: filled(s, storageMode="ThinProvisioned", fsType="xfs")),
    (
        "azureDisk",
        lambda s: filled(s, cachingMode="ReadWrite", kind="Shared", fsType="ext4", readOnly=False),
    ),
)

# What a PersistentVolume's sources are defaulted to; the rest have nothing to default.
PERSISTENT_SOURCES = tuple(row for row in _SOURCES if row[0] in ("hostPath", "iscsi", "rbd", "scaleIO", "azureDisk"))
