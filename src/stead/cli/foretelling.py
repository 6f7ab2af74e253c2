"""A forecast as people read it."""

from collections.abc import Iterator

from stead.cli.telling import lines
from stead.simulation.forecast import CLAIM, POD, VOLUME, Change, Forecast, SetForecast
from stead.simulation.foreseen import Happening

TOLD_SOON = 0.0005  # what is later is told with its moment


def page(forecast: Forecast) -> Iterator[str]:
    """What is applied, what then happens to every set, how it ends, and what all that rests on."""
    for change in forecast.changes:
        yield from _change(change)
    if not forecast.was_settled:
        yield "before that, not all was as its spec wants it: the forecast begins in the middle of something"
    for one in forecast.sets:
        yield ""
        yield from _set(one, forecast.wall)
    yield ""
    how = "it settles" if forecast.is_settled else "it does NOT settle: this is how it stands"
    yield f"{how} after {forecast.seconds:g} s, at best. Nothing was written."
    yield "It is assumed that:"
    yield from (f"  - {assumption}" for assumption in forecast.assumed)


def _change(change: Change) -> Iterator[str]:
    place = f" in namespace {change.namespace}" if change.namespace not in ("", "default") else ""
    yield f"{change.name}{place} {change.deed}{':' if change.fields else ''}"
    yield from (f"    {field}" for field in change.fields)


def _set(one: SetForecast, wall: float) -> Iterator[str]:
    place = f" in namespace {one.namespace}" if one.namespace not in ("", "default") else ""
    yield f"statefulset/{one.name}{place}, in this order:" if one.name else f"beside the sets{place}:"
    if not one.happenings:
        yield "  nothing happens to its pods and claims"
    yield from (f"  {line}" for line in _story([h for h in one.happenings if h.kind == POD]))
    yield from (f"  {line}" for line in _storage(one.happenings))
    if one.restarted:
        yield f"  pods that restart: {', '.join(one.restarted)}"
    if one.removed:
        yield f"  pods that go for good: {', '.join(one.removed)}"
    if one.kept and one.happenings:
        yield f"  pods that run on: {', '.join(one.kept)}"
    if one.explanation:
        yield from (f"  {line}" for line in _end(one, wall))


def _end(one: SetForecast, wall: float) -> Iterator[str]:
    told = list(lines(one.explanation, wall))
    yield f"at the end: {told[0].partition(': ')[2]}"
    yield from (line for line in told[1:] if one.explanation.get("waits"))


def _story(happenings: list[Happening]) -> Iterator[str]:
    """A line for each pod that is touched: from its going, or its coming, to its being Ready."""
    stories: list[tuple[str, float, list[str]]] = []
    for one in happenings:
        story = next(
            (told for told in reversed(stories) if told[0] == one.name and not told[2][-1].startswith("Ready")), None
        )
        if story is None:
            story = (one.name, one.at, [])
            stories.append(story)
        _tell(one, story[2], story[1])
    for name, at, words in stories:
        yield f"{at:8.1f}s  {name} {', '.join(words)}"


def _tell(one: Happening, words: list[str], began: float) -> None:
    moment = f" at {one.at:.1f}s" if one.at - began > TOLD_SOON else ""
    match one.what:
        case "created":
            again = "created again" if words else "created"
            if words and words[-1].startswith("gone"):
                words.pop()
            words.append(f"{again} at {one.detail}{moment}" if one.detail else f"{again}{moment}")
        case "deleted":
            words.append(f"deleted ({one.detail})" if one.detail else "deleted")
        case "Ready":
            words.append(f"Ready{moment}")
        case "restarted":
            words.append(f"a container restarted in place{moment}")
        case "gone":
            words.append(f"gone{moment}")


def _storage(happenings: list[Happening]) -> Iterator[str]:
    made = [one.name for one in happenings if one.kind == CLAIM and one.what == "created"]
    if made:
        yield f"claims made: {', '.join(made)}"
    lost = {one.name: one for one in happenings if one.kind == CLAIM and one.what in ("deleted", "gone")}
    removed = {one.name for one in happenings if one.kind == VOLUME and one.what in ("deleted", "gone")}
    for name, one in lost.items():
        kept = f"; its volume {one.detail} is kept" if one.detail else ""
        fate = f" and its volume {one.detail}: THE DATA IS LOST" if one.detail in removed else kept
        yield f"!! at {one.at:.1f}s claim {name} IS DELETED{fate}"
