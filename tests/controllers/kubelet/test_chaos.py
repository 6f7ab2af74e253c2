"""Whatever happens in whatever order: no identity runs twice, nothing spins, and what is deleted goes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stead.controllers.kubelet import sandbox
from stead.machinery.runtime import StartContainer

from .world import NODE, World, a_container, a_pod, a_probe

SCRIPTS = st.fixed_dictionaries(
    {},
    optional={
        "start-after": st.sampled_from(["0s", "2s"]),
        "ready-after": st.sampled_from(["1s", "40s"]),
        "exit-after": st.sampled_from(["1s", "9s", "700s"]),
        "exit-code": st.sampled_from(["0", "1"]),
        "stop-after": st.sampled_from(["1s", "5s", "1h"]),
        "sick-after": st.sampled_from(["15s", "100s"]),
        "pull-after": st.just("3s"),
        "one.exit-after": st.just("2s"),
    },
)
HOOKS = st.sampled_from([{}, {"preStop": {"sleep": {"seconds": 3}}}, {"postStart": {"exec": {"command": ["x"]}}}])
BLOWS = st.sampled_from(["crash", "restart", "reboot", "cut", "recover", "unready", "wait", "wait", "long"])
SPECS = st.fixed_dictionaries(
    {"restartPolicy": st.sampled_from(["Always", "Always", "OnFailure", "Never"])},
    optional={
        "initContainers": st.sampled_from([[a_container("one")], [a_container("side", restartPolicy="Always")]]),
    },
)


def strike(world, blow):
    runs = [name for key, name in world.runtime.running()]
    match blow:
        case "crash" if runs:
            world.runtime.crash("u1", runs[-1], 7)
        case "unready" if "c" in runs:
            world.runtime.set_ready("u1", "c", False)
        case "reboot":
            world.runtime.reboot()
        case "cut":
            world.runtime.lose()
        case "restart":
            world.restart()
        case "recover":
            world.runtime.recover(world.now)
    world.run(500 if blow == "long" else 4)


def check(world):
    starts = [(action.container, action.attempt) for action in world.sent_of(StartContainer)]
    runs = [name for _, name in world.runtime.running()]
    assert len(runs) == len(set(runs))
    pod = world.get()
    if pod is not None:
        counts = [entry["restartCount"] for entry in pod["status"].get("containerStatuses", ())]
        assert all(0 <= count <= max(attempt for _, attempt in [*starts, ("", 0)]) for count in counts)


@settings(max_examples=100, deadline=None)
@given(SCRIPTS, SPECS, HOOKS, st.lists(BLOWS, max_size=8), st.sampled_from([None, 0, 2]))
def test_whatever_happens(script, spec, hook, blows, grace):
    container = a_container(readinessProbe=a_probe(), livenessProbe=a_probe(), lifecycle=hook)
    world = World(a_pod(container, annotations=script, **spec))
    world.run(3)
    for blow in blows:
        strike(world, blow)
        check(world)
    world.runtime.recover(world.now)
    world.run(5)
    if world.get()["status"]["phase"] in ("Failed", "Succeeded"):
        grace = 0  # S-7: what has ended needs no grace
    world.delete(grace=grace)
    world.run(60)
    assert world.get() is None and list(world.cache.all(sandbox.KIND)) == []
    assert world.runtime.running() == [] and world.kubelet.node_name == NODE


@settings(max_examples=60, deadline=None)
@given(SPECS, st.lists(BLOWS, max_size=8))
def test_a_healthy_pod_is_running_again_after_every_blow(spec, blows):
    world = World(a_pod(a_container(readinessProbe=a_probe()), annotations={"one.exit-after": "1s"}, **spec))
    for blow in blows:
        strike(world, blow)
    world.runtime.recover(world.now)
    if "c" in [name for _, name in world.runtime.running()]:
        world.runtime.set_ready("u1", "c", None)
    world.run(1000)
    words = world.shown[-1].split()
    ended = {"Failed", "Succeeded"} if spec["restartPolicy"] != "Always" else set()
    assert words[0] in {"Running"} | ended and (words[1] == "1/1") == (words[0] == "Running")
