"""A schedule drawn from one seed: which sets, and what happens to them when."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from msgspec.structs import replace

from stead.simulation.schedules import Schedule, Step, a_set, a_step
from stead.simulation.verbs import DEATHS, REASONS, TROUBLES

LONGEST = 60.0  # virtual seconds in which things happen
_OF_NODES = (
    *("lose-node", "lose-node", "stop-node", "stop-node", "return-node", "return-node", "reboot-node"),
    *("cordon", "uncordon", "delete-node", "out-of-service"),
)
Shape = Mapping[str, Any]


def draw(seed: int, *, most_steps: int = 14) -> Schedule:
    """The schedule of a seed; a quarter of them watch from afar, a quarter behave like 1.37.

    Of those that do not watch from afar two fifths do their rounds in pieces.
    """
    chance = Random(seed)
    profile = chance.choice(("v1_36", "v1_36", "v1_36", "v1_37"))
    is_distant = chance.random() < 0.25
    names = ("web", "db")[: 2 if chance.random() < 0.2 else 1]
    sets = tuple(_shape(name, chance, profile) for name in names)
    verbs = [verb for verb in _DRAWN if is_distant or verb != "lag"]
    weights = [_DRAWN[verb][0] for verb in verbs]
    pace = chance.choice((1, 1, 1, 1, 10))  # some lives are long enough for a silent node to lose its pods
    count = chance.randint(1, most_steps)
    steps = [_step(chance, chance.choices(verbs, weights)[0], chance.choice(sets), pace) for _ in range(count)]
    lag = chance.choice((0.0, 0.5, 3.0)) if is_distant else 0.0
    steps, nodes, zones = _with_nodes(steps, Random(f"nodes of {seed}"), pace)
    ordered = tuple(sorted(steps, key=lambda step: step.at))
    piece = 0 if is_distant else Random(f"pieces of {seed}").choice((0, 0, 0, 1, 3))
    return Schedule(sets, ordered, seed, profile, is_distant, lag, piece, nodes, zones)


def _with_nodes(steps: list[Step], chance: Random, pace: float) -> tuple[list[Step], int, tuple[str, ...]]:
    """A third of all lives have three nodes, and more that happens to them. Drawn apart, so that all else stays."""
    if chance.random() > 1 / 3:
        return steps, 1, ()
    names = ("stead", "stead-2", "stead-3")
    given = [replace(step, said={"node": chance.choice(names)}) if "node" in step.said else step for step in steps]
    more = [
        _node_step(chance, chance.choice(_OF_NODES), chance.choice(names), pace) for _ in range(chance.randint(0, 6))
    ]
    return [*given, *more], len(names), chance.choice(((), ("a", "b")))


def _node_step(chance: Random, verb: str, node: str, pace: float) -> Step:
    return a_step(round(chance.uniform(0, LONGEST) * pace, 1), verb, node=node)


def _shape(name: str, chance: Random, profile: str) -> Shape:
    is_rolling = chance.random() < 0.3
    return a_set(
        name=name,
        replicas=chance.choice((0, 1, 2, 3, 3, 3, 4, 5)),
        policy=chance.choice(("OrderedReady", "OrderedReady", "Parallel")),
        strategy=chance.choice(("default", "RollingUpdate", "RollingUpdate", "OnDelete", "bare")),
        partition=chance.randint(0, 4) if is_rolling else 0,
        maxUnavailable=chance.choice((None, 1, 2, 3, "25%", "50%")) if profile == "v1_37" else None,
        minReadySeconds=chance.choice((0, 0, 0, 3, 10)),
        whenDeleted=chance.choice(("Retain", "Retain", "Delete")),
        whenScaled=chance.choice(("Retain", "Retain", "Delete")),
        start=chance.choice((0, 0, 0, 1, 5)),
        historyLimit=chance.choice((10, 2, 1, 0)),
        claims=chance.choice(((), ("www",), ("www",), ("www", "log"))),
        grace=chance.choice((0, 1, 5, 30)),
        readyAfter=chance.choice((0, 0, 1, 4)),
        startAfter=chance.choice((0, 0, 0.5, 3)),
        stopAfter=chance.choice((0, 0, 1, 10)),
        exitAfter=chance.choice((None, None, None, None, None, 20)),
    )


def _step(chance: Random, verb: str, shape: Shape, pace: float) -> Step:
    at = chance.choice((chance.uniform(0, 6), chance.uniform(0, 25), chance.uniform(0, LONGEST)))
    return a_step(round(at * pace, 1), verb, **_DRAWN[verb][1](chance, shape))


def _pod(chance: Random, shape: Shape) -> dict[str, Any]:
    return {"pod": f"{shape['name']}-{shape['start'] + _ordinal(chance, shape)}"}


def _ordinal(chance: Random, shape: Shape) -> int:
    return chance.randrange(shape["replicas"] + 1)


def _claim(chance: Random, shape: Shape) -> dict[str, Any]:
    ordinal = shape["start"] + _ordinal(chance, shape)
    return {"claim": f"{chance.choice(shape['claims'] or ('www',))}-{shape['name']}-{ordinal}"}


def _of_set(**said: Callable[[Random], Any]) -> Callable[[Random, Shape], dict[str, Any]]:
    def drawn(chance: Random, shape: Shape) -> dict[str, Any]:
        return {"set": shape["name"], **{name: draw(chance) for name, draw in said.items()}}

    return drawn


def _of_pod(**said: Callable[[Random], Any]) -> Callable[[Random, Shape], dict[str, Any]]:
    return lambda chance, shape: {**_pod(chance, shape), **{name: draw(chance) for name, draw in said.items()}}


def _alone(**said: Callable[[Random], Any]) -> Callable[[Random, Shape], dict[str, Any]]:
    return lambda chance, shape: {name: draw(chance) for name, draw in said.items()}


def _one_of(*values: Any) -> Callable[[Random], Any]:
    return lambda chance: chance.choice(values)


def _label(chance: Random, shape: Shape) -> dict[str, Any]:
    label, value = chance.choice(
        (
            ("app", "other"),
            ("app", None),
            ("app", shape["name"]),
            ("statefulset.kubernetes.io/pod-name", None),
            ("apps.kubernetes.io/pod-index", None),
            ("controller-revision-hash", "by-hand"),
        )
    )
    return {**_pod(chance, shape), "label": label, "value": value}


def _stray(chance: Random, shape: Shape) -> dict[str, Any]:
    number = shape["start"] + _ordinal(chance, shape)
    names = (f"{shape['name']}-{number}", f"{shape['name']}-{number}", f"{shape['name']}-99999999999")
    return {"set": shape["name"], "pod": chance.choice(names)}


_KEEP = _one_of("Retain", "Delete")

# how often, and what is said with it
_DRAWN: Mapping[str, tuple[float, Callable[[Random, Shape], dict[str, Any]]]] = {
    "scale": (12, _of_set(replicas=lambda chance: chance.randint(0, 5))),
    "revise": (12, _of_set(image=_one_of("a", "b", "c"), trouble=_one_of("none", "none", "none", *TROUBLES))),
    "partition": (4, _of_set(partition=_one_of(0, 0, 1, 2, 4))),
    "strategy": (3, _of_set(type=_one_of("RollingUpdate", "OnDelete", "bare"))),
    "max-unavailable": (2, _of_set(value=_one_of(1, 2, "50%", "100%"))),
    "min-ready": (2, _of_set(seconds=_one_of(0, 2, 8))),
    "start": (2, _of_set(start=_one_of(0, 1, 2, 5))),
    "retention": (3, _of_set(deleted=_KEEP, scaled=_KEEP)),
    "history": (1, _of_set(limit=_one_of(0, 1, 10))),
    "delete-set": (4, _of_set(policy=_one_of("Background", "Foreground", "Orphan"))),
    "create-set": (5, _of_set()),
    "delete-revision": (2, _of_set(which=_one_of("current", "update", "oldest"))),
    "delete-pod": (10, _of_pod(grace=_one_of(None, None, None, 1, 0))),
    "delete-claim": (4, _claim),
    "label-pod": (4, _label),
    "orphan-pod": (2, _of_pod()),
    "stray-pod": (2, _stray),
    "fail-pod": (5, _of_pod(phase=_one_of("Failed", "Succeeded"))),
    "crash-container": (6, _of_pod(code=_one_of(0, 1, 137))),
    "ready": (4, _of_pod(says=_one_of(True, False, None))),
    "lose-node": (2, _alone()),
    "return-node": (3, _alone()),
    "reboot-node": (2, _alone()),
    "refuse": (
        8,
        _alone(
            reason=_one_of(*REASONS),
            times=_one_of(1, 1, 2, 5, 30),
            write=_one_of("any", "create", "update", "patch", "delete"),
            kind=_one_of("", "Pod", "PersistentVolumeClaim", "StatefulSet", "ControllerRevision"),
            by=_one_of("statefulset", "statefulset", "statefulset", "kubelet", "garbage", "any"),
        ),
    ),
    "quota": (3, _alone(pods=_one_of(None, 1, 2, 3))),
    "lag": (3, _alone(seconds=_one_of(0, 1, 5, 20))),
    "die": (10, _alone(after=lambda chance: chance.randint(0, 12), how=_one_of(*DEATHS))),
    "jump": (1, _alone(seconds=_one_of(-5, 30, 3600))),
}
