"""A set's history: which revision is current, which is wanted, what is too old (RV in controller.md)."""

from collections.abc import Iterator

from msgspec import Struct

from stead.controllers import ownership
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.slots import Revision
from stead.controllers.statefulset.steps import FENCE, act, total
from stead.kinds import statefulset
from stead.kinds.encoding import go_json, template_data
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.names import revision_name
from stead.machinery.objects import Json, decode, dig, without
from stead.machinery.plan import NOTHING, Action, Create, Delete, Patch, Plan

HASH_LABEL = "controller.kubernetes.io/hash"
KIND = "ControllerRevision"


class History(Struct, frozen=True):
    """`plan` brings the update revision about: a create, a new number, or nothing."""

    current: Revision
    update: Revision
    collision_count: int
    plan: Plan

    def template(self, observed: Observed, revision: Revision) -> Json:
        """The pod template a revision keeps (SY-5)."""
        if revision.data == observed.spec.template_bytes:
            return observed.spec.template
        return template_of(revision)


def key(observed: Observed, name: str) -> Key:
    return Key(KIND, observed.spec.namespace, name)


def template_of(revision: Revision) -> Json:
    return without(dig(revision.obj, "data", "spec", "template", default={}), "$patch")


def adopt(observed: Observed) -> Plan:
    """CL-7: take in what matches and belongs to nobody; a terminating set may not, and fails."""
    orphans = observed.orphan_revisions()
    if not orphans:
        return NOTHING
    if observed.spec.is_terminating:
        return Plan(is_failed=True)
    owner = observed.spec.owner
    taken = (ownership.adopt(key(observed, orphan.name), orphan.obj, owner) for orphan in orphans)
    return act(ownership.still_there(observed.key, observed.obj), FENCE, *taken, FENCE)


def resolve(observed: Observed) -> History:
    """Which revisions the set is at and wants to be at (RV-4 to RV-6)."""
    update, collision_count, action = _update(observed)
    named = dig(observed.status, "currentRevision", default="")
    current = next((revision for revision in observed.revisions if revision.name == named), update)
    return History(current, update, collision_count, act(action, FENCE) if action else NOTHING)


def _update(observed: Observed) -> tuple[Revision, int, Action | None]:
    """The wanted revision, the count of collisions met on the way, and what makes it so."""
    known, wanted = observed.revisions, observed.spec.template_bytes
    collisions = int(dig(observed.status, "collisionCount", default=0))
    newest = known[-1] if known else None
    equal = [revision for revision in known if revision.data == wanted]
    if newest is not None and equal and newest.data == wanted:
        return newest, collisions, None
    number = newest.number + 1 if newest else 1
    if equal:
        return equal[-1]._replace(number=number), collisions, _renumber(observed, equal[-1], number)
    if newest is not None and observed.profile.has_semantic_comparison and _means(observed, newest, wanted):
        return newest, collisions, None
    return _create(observed, number, collisions)


def _renumber(observed: Observed, revision: Revision, number: int) -> Patch:
    """RU-10: going back to an old template makes its revision the newest again."""
    return Patch(key(observed, revision.name), {"revision": number}, uid=meta.uid(revision.obj))


def _means(observed: Observed, revision: Revision, wanted: bytes) -> bool:
    """Whether a revision, put into the set and given today's defaults, is what is wanted (#134773)."""
    known = observed.spec.meanings
    if revision.data not in known:
        known[revision.data] = _defaulted(observed, template_of(revision)) == wanted
    return known[revision.data]


def _defaulted(observed: Observed, template: Json) -> bytes:
    found = {**observed.obj, "spec": {**observed.obj["spec"], "template": _without_nulls(template)}}
    return template_data(dig(statefulset.default(found), "spec", "template", default={}))


def _without_nulls(template: Json) -> Json:
    """`creationTimestamp: null`, as revisions from before 1.34 have it, says nothing."""
    metadata = {name: value for name, value in (template.get("metadata") or {}).items() if value is not None}
    return {**template, "metadata": metadata}


def _create(observed: Observed, number: int, collisions: int) -> tuple[Revision, int, Action | None]:
    """A new revision under a name nobody has; a bearer with the same data is used as it is (RV-5)."""
    spec = observed.spec
    data, first_count = spec.template_bytes, collisions
    while True:
        name = revision_name(spec.name, data, collisions)
        bearer = observed.cache.get(key(observed, name))
        if bearer is None:
            break
        if go_json(bearer.get("data")) == data:
            return Revision(int(bearer.get("revision") or 0), "", name, data, bearer), collisions, None
        collisions += 1
    obj = _revision(observed, name, revision_name(spec.name, data, first_count), number)
    return Revision(number, "", name, data, obj), collisions, Create(obj)


def _revision(observed: Observed, name: str, first_name: str, number: int) -> Json:
    """RV-3. The hash label is of the first name tried."""
    spec = observed.spec
    labels = {**dig(spec.template, "metadata", "labels", default={}), HASH_LABEL: first_name.rpartition("-")[2]}
    metadata = {"name": name, "namespace": spec.namespace, "labels": labels, "ownerReferences": [spec.owner]}
    if meta.annotations(observed.obj):
        metadata["annotations"] = meta.annotations(observed.obj)
    data = decode(spec.template_bytes)
    return {"apiVersion": "apps/v1", "kind": KIND, "metadata": metadata, "data": data, "revision": number}


def truncate(observed: Observed, history: History) -> Plan:
    """RV-7: what no pod and no status names goes, oldest first, down to the limit; a negative limit keeps all."""
    live = frozenset((history.current.name, history.update.name))
    return total(Plan(always=(one,)) for one in _surplus(observed, live))


def truncate_unresolved(observed: Observed) -> list[Delete]:
    """SY-2: the same where the history could not be resolved; then only pods protect a revision."""
    return list(_surplus(observed, frozenset()))


def _surplus(observed: Observed, live: frozenset[str]) -> Iterator[Delete]:
    labelled = observed.roster.labelled
    old = [found for found in observed.revisions if found.name not in live and found.name not in labelled]
    limit = observed.spec.history_limit
    surplus = old[: len(old) - limit] if 0 <= limit < len(old) else []
    return (Delete(key(observed, found.name), meta.uid(found.obj)) for found in surplus)
