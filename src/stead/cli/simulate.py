"""`stead simulate`: the same kernel in virtual time. Prints the log of rounds, then how long everything took."""

import argparse

from stead.cli.options import complain
from stead.cluster import manifests
from stead.cluster.config import Config
from stead.cluster.simulated import NotSettled, Simulation
from stead.engine.journal import Round
from stead.machinery.errors import ApiError
from stead.machinery.plan import Action, Bind, Create, Delete, Done, Emit, Outcome, Patch, Refused, Update


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--filename", metavar="FILE", action="append", required=True, help="manifests; repeatable"
    )
    parser.add_argument("--seed", type=int, default=0, help="what decides everything left to chance (0)")
    parser.add_argument("--seconds", type=float, default=3600, help="virtual seconds at most (3600)")
    parser.add_argument("--profile", choices=("v1_36", "v1_37"), default="v1_36", help="whose behaviour (v1_36)")
    parser.add_argument("-v", "--verbose", action="store_true", help="every action, status writes and probes too")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    try:
        wanted = manifests.read(parsed.filename)
        config = Config(runtime="simulated", profile=parsed.profile)
        simulation = Simulation(parsed.seed, config=config)
        simulation.run_for(1)
        simulation.watchers.append(_Log(simulation.now.mono, verbose=parsed.verbose))
        for manifest in wanted:
            _apply(simulation, manifest)
        simulation.settle(parsed.seconds)
    except (manifests.ManifestError, NotSettled) as error:
        return complain(error)
    print(
        f"settled after {simulation.now.mono - 1:.1f} s of virtual time, {simulation.steps} steps, seed {parsed.seed}"
    )
    return 0


def _apply(simulation: Simulation, manifest: manifests.Manifest) -> None:
    try:
        simulation.apply(manifest.obj)
    except ApiError as error:
        raise manifests.ManifestError(f"{manifest.place}: {error.message}") from error


class _Log:
    """One line a round: time, controller, key, what was done, what it waits for."""

    def __init__(self, began: float, *, verbose: bool) -> None:
        self._began = began
        self._verbose = verbose
        self._last: dict[tuple[str, object], str] = {}

    def __call__(self, round_: Round) -> None:
        deeds = [in_words(action, outcome) for action, outcome in round_.deeds if self._verbose or _is_telling(action)]
        waits = "; ".join(map(str, round_.waiting))
        told = ", ".join(deeds) + (f"  (waits: {waits})" if waits else "")
        place = (round_.controller, round_.key)
        if told and (deeds or self._last.get(place) != told):
            print(f"{round_.at.mono - self._began:9.3f}  {round_.controller:<11} {round_.key!s:<38} {told}")
        self._last[place] = told


def _is_telling(action: Action) -> bool:
    return not isinstance(action, Emit) and not (isinstance(action, Patch | Update) and action.subresource == "status")


def in_words(action: Action, outcome: Outcome) -> str:
    """`create Pod web-0`, with the refusal if there was one."""
    refused = "" if isinstance(outcome, Done) else f" — {outcome.reason if isinstance(outcome, Refused) else 'lost'}"
    return _deed(action) + refused


def _deed(action: Action) -> str:
    match action:
        case Create(obj):
            return f"create {obj['kind']} {obj['metadata'].get('name') or obj['metadata']['generateName'] + '…'}"
        case Update(obj):
            return f"update {obj['kind']} {obj['metadata']['name']}"
        case Patch(key, _, subresource):
            return f"patch {key.kind} {key.name}{' ' + subresource if subresource else ''}"
        case Delete(key):
            return f"delete {key.kind} {key.name}"
        case Bind(_, _, node):
            return f"bind to {node}"
        case Emit(_, _, reason, message):
            return f"event {reason}: {message}"
    words = [getattr(action, field, "") for field in ("container", "probe", "volume")]
    return " ".join([type(action).__name__, *filter(None, words)])
