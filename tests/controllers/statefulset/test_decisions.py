"""Random sets, in any state: the walks decide what the plain second opinion decides, and count what it counts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stead.controllers.statefulset import invariants, revisions, status
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery import meta
from stead.testing.builders import NOON
from stead.testing.pictures import in_words, picture
from tests.controllers.statefulset import plainly

pods = st.builds(lambda s, r: f"{s}{r}", st.sampled_from("RRRRYUPTFS-"), st.sampled_from("aab"))


@st.composite
def pictures(draw: st.DrawFn) -> tuple[str, str]:
    words = [str(draw(st.integers(0, 5)))]
    words += draw(st.sampled_from(([], ["b"])))
    words += draw(st.sampled_from(([], ["parallel"])))
    words += draw(st.sampled_from(([], ["ondelete"], ["null"], ["partition=1"], ["partition=3"], ["partition=9"])))
    words += draw(st.sampled_from(([], [], ["ready=10"])))
    first = draw(st.sampled_from((0, 0, 2)))
    words += [f"start={first}"] if first else []
    line = draw(st.lists(pods, max_size=7))
    return " ".join(words), " ".join(f"{i}{pod}" for i, pod in enumerate(line))


@settings(max_examples=600, deadline=None)
@given(pictures())
def test_the_walks_agree_with_the_plain_pass(drawn: tuple[str, str]) -> None:
    observed = picture(*drawn)
    history = revisions.resolve(observed)
    members = {ordinal: slot.pod for ordinal, slot in observed.roster.at.items()}
    one = plainly.Set(observed.obj, history.current.name, history.update.name, NOON.wall)
    letters = {r.name: r.obj["data"]["spec"]["template"]["spec"]["containers"][0]["image"] for r in observed.revisions}

    expected = plainly.decide(one, members, letters)

    plan = reconcile(observed, NOON)
    assert invariants.broken_by(observed, plan, NOON) == []
    deeds = [
        deed for deed in in_words(plan).split(", ") if deed.startswith(("create", "delete")) and "revision" not in deed
    ]
    assert deeds == expected.deeds
    computed = status.computed(observed, history, NOON, expected.rolled)
    assert {name: computed[name] for name in plainly.status(one, members, 0)} == plainly.status(
        one, members, expected.rolled
    )
    assert all(meta.namespace(pod) == "default" for pod in members.values())
