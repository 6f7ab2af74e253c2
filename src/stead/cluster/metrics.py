"""What `GET /metrics` tells: the names that operators of Kubernetes know where there are such, else `stead_...`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from stead.api.request import Response
from stead.api.server import Api
from stead.controllers.statefulset import update
from stead.controllers.statefulset.controller import KIND as STATEFUL_SET
from stead.controllers.statefulset.controller import StatefulSetController
from stead.engine.rounds import Engine, Work
from stead.machinery.keys import key_of
from stead.machinery.metrics import MEDIA, Labels, Metric, exposition, one
from stead.machinery.times import Now
from stead.store.log import Store

MOST = "statefulset_controller_statefulset_max_unavailable"
UNAVAILABLE = "statefulset_controller_statefulset_unavailable_replicas"


def of_engine(engine: Engine) -> Iterator[Metric]:
    """Queues, rounds and waits, by controller."""
    work = engine.work()
    yield _each(work, "workqueue_depth", "Keys that are due.", lambda one: one.depth, is_gauge=True)
    yield _each(work, "workqueue_adds_total", "Times that an event concerned a key.", lambda one: one.adds)
    yield _each(work, "workqueue_retries_total", "Rounds that failed and are tried again.", lambda one: one.retries)
    yield _each(work, "stead_rounds_total", "Rounds: one key looked at once.", lambda one: one.rounds)
    waits = Counter(controller for controller, _, _, _ in engine.journal.all_waits())
    told = "Things that keys wait for now: see kubectl get explanations."
    yield Metric("stead_waits", told, "gauge", [((("controller", name),), waits[name]) for name in sorted(waits)])
    told = "Rounds put off because the cache had not seen the controller's own writes."
    yield one("statefulset_controller_stale_sync_skips_total", told, engine.rests.skipped, "counter")


def _each(
    work: Iterable[Work], name: str, told: str, value: Callable[[Work], float], *, is_gauge: bool = False
) -> Metric:
    samples = [((("name", one.controller),), value(one)) for one in work]
    return Metric(name, told, "gauge" if is_gauge else "counter", samples)


def of_store(store: Store) -> Iterator[Metric]:
    yield one("stead_store_revision", "Writes since the store began.", store.revision)
    objects = [((("kind", kind),), len(store.rows(kind))) for kind in sorted(store.kinds())]
    yield Metric("stead_store_objects", "Objects in the store.", "gauge", objects)


def of_api(api: Api) -> Iterator[Metric]:
    counted = sorted(api.answered.items())
    answered = [((("code", str(code)), ("verb", verb)), count) for (verb, code), count in counted]
    yield Metric("apiserver_request_total", "Requests answered since the start.", "counter", answered)


def of_sets(engine: Engine, now: Now) -> Iterator[Metric]:
    """How many replicas may be and are out of service, where the profile knows maxUnavailable (controller.md, 1.14)."""
    controller = next((one for one in engine.controllers if isinstance(one, StatefulSetController)), None)
    if controller is None or not controller.profile.has_max_unavailable:
        return
    budgets: list[tuple[Labels, update.Budget]] = []
    for obj in engine.cache.all(STATEFUL_SET):
        key = key_of(STATEFUL_SET, obj)
        observed = controller.observe(engine.cache, key)
        if observed is None or observed.spec.is_on_delete:
            continue
        policy = "Parallel" if observed.spec.is_parallel else "OrderedReady"
        labels = (
            ("pod_management_policy", policy),
            ("statefulset_name", key.name),
            ("statefulset_namespace", key.namespace),
        )
        budgets.append((labels, update.budget(observed, now.wall)))
    told = "How many replicas a roll-out may have out of service."
    yield Metric(MOST, told, "gauge", [(labels, budget.most) for labels, budget in budgets])
    told = "Replicas that are missing or not available."
    yield Metric(UNAVAILABLE, told, "gauge", [(labels, budget.unavailable) for labels, budget in budgets])


class Page:
    """The page itself. `more`: what only the shell around the kernel knows (processes, sockets)."""

    def __init__(self, api: Api, engine: Engine, store: Store) -> None:
        self.more: list[Callable[[], Iterable[Metric]]] = []
        self._api = api
        self._engine = engine
        self._store = store

    def __call__(self, now: Now) -> Response:
        parts = (of_engine(self._engine), of_sets(self._engine, now), of_store(self._store), of_api(self._api))
        return Response(200, exposition(chain(*parts, *(ask() for ask in self.more))), MEDIA)
