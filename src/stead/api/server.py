"""The one door. A request comes in as a value and leaves as an answer or as a stream; nothing escapes as an exception.

This is the only place where an ApiError becomes a Status. Controllers use the same verbs through `door`, without HTTP.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import msgspec

from stead.api import (
    authorization,
    backups,
    bodies,
    deletion,
    discovery,
    forms,
    impersonation,
    listing,
    oldversions,
    openapi,
    options,
    ownerreferences,
    patching,
    refusals,
    reviews,
    slices,
    subresources,
    verbs,
    views,
)
from stead.api.authorization import Authorize, Deed
from stead.api.computed import Computed, Source
from stead.api.core import Call, Core, Settings, Written, key_in, written
from stead.api.door import Door
from stead.api.request import Request, Response, Stream
from stead.api.scale import SCALE
from stead.api.verbs import Place
from stead.api.watching import Watch
from stead.kinds.kind import Kind
from stead.kinds.paths import Target, target_of
from stead.kinds.registry import Registry
from stead.machinery import meta
from stead.machinery.errors import ApiError
from stead.machinery.objects import Json, encode, without
from stead.machinery.times import Now
from stead.store.log import Store

log = logging.getLogger(__name__)

TEXT = "text/plain; charset=utf-8"
VERBS = {
    ("GET", True): "list",
    ("POST", True): "create",
    ("DELETE", True): "deletecollection",
    ("GET", False): "get",
    ("PUT", False): "update",
    ("PATCH", False): "patch",
    ("DELETE", False): "delete",
    ("POST", False): "create",
}
KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TARGETS = 1000  # whose paths are remembered
WRITE_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}


class Api(Door):
    """`handle` for HTTP, the methods of `Door` for controllers. `authorize` answers why not, or None."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        chance: Random,
        *,
        cluster_domain: str = "cluster.local",
        service_cidr: str = "10.96.0.0/16",
        node_ports: range = range(30000, 32768),
        server_address: str = "127.0.0.1:6443",
        token_key: bytes = b"",
        admin_token: str = "",
        not_ready_seconds: int = 300,
        unreachable_seconds: int = 300,
        authorize: Authorize | None = None,
    ) -> None:
        """`token_key` signs service account tokens; without one, a key is drawn that lasts as long as this Api.
        `admin_token` is the administrator's own, which reviews of tokens know too. `not_ready_seconds` and
        `unreachable_seconds`: what pods bear of their node, see `core.Settings`.
        """
        key = token_key or chance.randbytes(32)
        patience = (not_ready_seconds, unreachable_seconds)
        settings = Settings(cluster_domain, service_cidr, node_ports, server_address, key, admin_token, *patience)
        super().__init__(Core(store, registry.extended(*reviews.KINDS), chance, settings))
        self._authorize = authorize or authorization.by_roles(self.core)
        self._computed: dict[str, Computed] = {}
        self._pages: dict[tuple[str, str], Callable[[Now], Response]] = {}
        self._targets: dict[str, Target] = {}
        self._targets_of = self.core.registry
        self.answered: Counter[tuple[str, int]] = Counter()  # by verb and code

    def serve(self, kind: Kind, source: Source) -> None:
        """Serve a kind whose objects `source` makes when somebody asks."""
        self.core.serve(kind)
        self._computed[kind.id] = Computed(self.core, kind, source)

    def serve_page(self, path: str, page: Callable[[Now], Response], method: str = "GET") -> None:
        """Answer a path that names no kind (`/metrics`), for whom a rule about such paths allows it."""
        self._pages[method, path] = page

    def handle(self, request: Request, now: Now) -> Response | Stream:
        """Answer a request. Every refusal is a Status; an error of our own is one with code 500, and is logged."""
        answer = self._handled(request, now)
        verb = request.method if request.method in KNOWN_METHODS else "other"
        code = answer.code if isinstance(answer, Response) else 200
        self.answered["WATCH" if isinstance(answer, Watch) else verb, code] += 1
        return answer

    def _handled(self, request: Request, now: Now) -> Response | Stream:
        told: list[str] = []  # a refusal keeps what was warned of before
        try:
            answer = self._answer(self._as_whom(request), now, told)
            if not isinstance(answer, Response):
                return answer
            return forms.presented(request, msgspec.structs.replace(answer, warnings=tuple(told)) if told else answer)
        except refusals.NoSuchPath as error:
            return Response(404, error.message.encode(), TEXT)
        except ApiError as error:
            return forms.refused(request, msgspec.structs.replace(refused(error), warnings=tuple(told)))
        except Exception as error:
            log.exception("%s %s broke", request.method, request.path)
            return refused(ApiError(f"Internal error occurred: {type(error).__name__}"))

    def _as_whom(self, request: Request) -> Request:
        user = impersonation.acting(self._authorize, request)
        return request if user is request.user else msgspec.structs.replace(request, user=user)

    def _answer(self, request: Request, now: Now, told: list[str]) -> Response | Stream:
        target = self._target(request.path)
        if target is None:
            return self._answer_elsewhere(request, now, told)
        verb = _verb(request, target)
        told += [target.kind.deprecation] if target.kind.deprecation else []
        deed = Deed(verb, target.kind.group, target.kind.plural, target.namespace, target.name, target.subresource)
        authorization.require(self._authorize, request.user, deed)
        if verb == "watch":
            return self._watch(request, target, now)
        computed = self._computed.get(target.kind.id)
        if verb == "list" and computed is not None:
            return Response(
                200, computed.list(request, target, views.asked_of(request, target.kind, is_list=True), now)
            )
        if verb == "list":
            found = listing.rows(self.core, target.kind, target.namespace, options.of_list(request))
            view = views.asked_of(request, target.kind, is_list=True)
            if slices.suits(request, view, found[0]):
                return slices.LongList(target.kind, view, found, now)
            return Response(200, listing.answer(target.kind, view, found, now))
        view = views.asked_of(request, target.kind, is_list=verb == "deletecollection")
        call = self._call(request, now, told)
        if computed is not None:
            return _shown(target, view, computed.get(target, now), call)
        if target.kind.id in reviews.IDS:
            obj = verbs.in_namespace(target.namespace, bodies.read(self.core, call, target.kind, request))
            return _shown(target, view, reviews.answer(self.core, call, target.kind, (obj, self._authorize)), call)
        done = ANSWERS[verb](self.core, call, target, request)
        response = _shown(target, view, done, call)
        if verb == "get" and not target.subresource:  # nobody waits for what others have just written
            return msgspec.structs.replace(response, rests_on=int(meta.resource_version(done.obj)))
        return response

    def _target(self, path: str) -> Target | None:
        """What a path names; the same are asked for again and again."""
        registry = self.core.registry
        if registry is not self._targets_of or len(self._targets) >= TARGETS:
            self._targets, self._targets_of = {}, registry
        found = self._targets.get(path)
        if found is None:
            found = target_of(oldversions.path_today(path), registry)
            if found is not None:
                self._targets[path] = found
        return found

    def _answer_elsewhere(self, request: Request, now: Now, told: list[str]) -> Response:
        """Paths that name no kind: discovery, and `bindings`, which is a verb in disguise."""
        authorization.require(self._authorize, request.user, Deed(request.method.lower(), path=request.path))
        page = self._pages.get((request.method, request.path))
        if page is not None:
            return page(now)
        found = self._bind_by_name(request, now, told) if request.path.endswith("/bindings") else None
        found = found or discovery.answer(self.core, request) or openapi.answer(self.core, request)
        found = found or backups.answer(self.core, request)
        if found is not None:
            return found
        not_served = refusals.is_not_served(request.path)
        if not_served is not None:
            raise not_served
        if discovery.is_known(self.core.registry, request.path):
            raise refusals.NoSuchResource()
        raise refusals.NoSuchPath()

    def stream_target(self, request: Request) -> Json:
        """The pod of a log, exec, attach or portforward request; raises Forbidden and NotFound."""
        request = self._as_whom(request)
        target = target_of(request.path, self.core.registry)
        if target is None or target.kind.id != "Pod":
            raise refusals.NoSuchResource()
        verb = "get" if target.subresource == "log" else "create"
        deed = Deed(verb, "", "pods", target.namespace, target.name, target.subresource)
        authorization.require(self._authorize, request.user, deed)
        row = self.core.store.get(key_in(target.kind, target.namespace, target.name))
        if row is None:
            raise refusals.not_found(target.kind, target.name)
        return row.obj

    def _bind_by_name(self, request: Request, now: Now, told: list[str]) -> Response | None:
        target = target_of(request.path.removesuffix("bindings") + "pods", self.core.registry)
        if target is None or not target.namespace or request.method != "POST":
            return None
        authorization.require(self._authorize, request.user, Deed("create", "", "bindings", target.namespace))
        call = self._call(request, now, told)
        done = subresources.bind_by_name(self.core, call, target.kind, (target.namespace, request))
        return Response(201, done.body)

    def _watch(self, request: Request, target: Target, now: Now) -> Stream:
        asked = options.of_list(request, is_watch=True)
        if target.name:
            asked = options.of_one(asked, target.name)
        if target.kind.id in self._computed:
            return self._computed[target.kind.id].watch(target, asked, views.of_watch(request), now)
        return Watch(self.core, (target.kind, target.namespace), asked, views.of_watch(request), now=now)

    def _call(self, request: Request, now: Now, told: list[str]) -> Call:
        sort = WRITE_OPTIONS.get(request.method)
        if sort is None:
            return Call(now, request.user, warnings=told)
        is_apply = sort == "PatchOptions" and bodies.media_of(request) == patching.APPLY
        asked = options.of_write(request, sort, is_apply=is_apply)
        return Call(now, request.user, asked.manager, asked.is_dry_run, asked.validation, warnings=told)


def refused(error: ApiError) -> Response:
    """A refusal as clients expect it. Without Retry-After, client-go does not try again."""
    wait = error.retry_after_seconds
    headers = (("Retry-After", str(wait)),) if wait is not None else ()
    return Response(error.code, encode(error.status()), headers=headers)


def _verb(request: Request, target: Target) -> str:
    """What the request wants to do, as rules and kinds name it; raises WrongMethod where that cannot be done there."""
    verb = VERBS.get((request.method, target.is_collection), "")
    if verb in ("list", "get") and (target.is_watch_prefix or options.is_true(request, "watch")):
        verb = "watch"
    if target.subresource:
        sub = target.kind.subresource(target.subresource)
        allowed: tuple[str, ...] = sub.verbs if sub else ()
    else:
        allowed = target.kind.verbs if request.method != "POST" or target.is_collection else ()
    is_everywhere = target.kind.is_namespaced and not target.namespace and verb not in ("list", "watch")
    if verb not in allowed or is_everywhere:
        raise refusals.WrongMethod()
    return verb


def place_of(target: Target) -> Place:
    return Place(target.kind, key_in(target.kind, target.namespace, target.name), target.subresource)


def _shown(target: Target, view: views.View, done: Written, call: Call) -> Response:
    code = 201 if done.is_created else 202 if done.is_pending else 200
    kind = SCALE if target.subresource == "scale" else target.kind
    is_object = done.obj.get("kind") == kind.name
    if view.sort == "table" and is_object:
        about = ({"resourceVersion": meta.resource_version(done.obj)}, call.now)
        body = encode(views.table(view, kind, [kind.to_stored(done.obj)], about))
    elif view.sort == "metadata" and is_object:
        body = encode(views.partial(view, done.obj))
    else:
        body = done.body
    return Response(code, body)


def _get(core: Core, call: Call, target: Target, request: Request) -> Written:
    special = subresources.ANSWERS.get(("GET", target.subresource))
    if special:
        return special(core, call, place_of(target), request)
    key = key_in(target.kind, target.namespace, target.name)
    wanted = options.revision_of_one(request.parameter("resourceVersion"))
    if wanted and wanted > core.store.revision:
        raise listing.too_new(wanted, core.store.revision)
    row = core.store.get(key)
    if row is None:
        raise refusals.not_found(target.kind, target.name)
    return written(target.kind, row)


def _create(core: Core, call: Call, target: Target, request: Request) -> Written:
    special = subresources.ANSWERS.get(("POST", target.subresource))
    if special:
        return special(core, call, place_of(target), request)
    obj = verbs.in_namespace(target.namespace, bodies.read(core, call, target.kind, request))
    return verbs.create(core, call, target.kind, ownerreferences.once_each(call, obj))


def _update(core: Core, call: Call, target: Target, request: Request) -> Written:
    place = place_of(target)
    special = subresources.ANSWERS.get(("PUT", target.subresource))
    if special:
        return special(core, call, place, request)
    obj = verbs.check_name(target.name, target.namespace, bodies.read(core, call, target.kind, request))
    obj = ownerreferences.once_each(call, obj)
    if target.kind.allows_create_on_update and core.store.get(place.key) is None and not target.subresource:
        verbs.refuse_other_uid(place, meta.uid(obj), "")
        return verbs.create(core, call, target.kind, without(obj, "metadata", "resourceVersion"))
    return verbs.update(core, call, place, verbs.replaced(place, obj))


def _patch(core: Core, call: Call, target: Target, request: Request) -> Written:
    answer = subresources.ANSWERS.get(("PATCH", target.subresource), patching.patch)
    return answer(core, call, place_of(target), request)


def _delete(core: Core, call: Call, target: Target, request: Request) -> Written:
    asked = options.of_delete(request, bodies.read_delete_options(request))
    call = Call(call.now, call.user, is_dry_run=asked.is_dry_run)
    done = deletion.delete(core, call, place_of(target), asked)
    status = deletion.status_of_removed(target.kind, done.obj) if done.is_removed else None
    return (
        done._replace(is_pending=asked.does_not_orphan and not done.is_removed) if status is None else Written(status)
    )


def _delete_collection(core: Core, call: Call, target: Target, request: Request) -> Written:
    asked = options.of_delete(request, bodies.read_delete_options(request))
    call = Call(call.now, call.user, is_dry_run=asked.is_dry_run)
    kind = target.kind
    rows, listed = listing.rows(core, kind, target.namespace, options.of_list(request))
    was = bytes(listing.answer(kind, views.WHOLE, (rows, listed), call.now))  # the answer is what was there before
    for row in tuple(rows):
        if core.store.get(row.key) is not None:
            deletion.delete(core, call, Place(kind, row.key), asked)
    return Written({"kind": f"{kind.name}List", "apiVersion": kind.api_version}, was)


ANSWERS: Mapping[str, Callable[[Core, Call, Target, Request], Written]] = {
    "get": _get,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_collection,
}
