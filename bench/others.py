"""The same API load on stead and on another Kubernetes API server, pair by pair."""

from collections.abc import Callable
from pathlib import Path

from bench import load
from bench.client import Target
from bench.living import command
from stead.kube import kubeconfig
from stead.kube.kubeconfig import Access


def access_of(place: str, token: str) -> Access:
    """`place` is a URL, entered with `token` (its certificate is not checked), or a kubeconfig."""
    return Access(place.rstrip("/"), token=token) if "://" in place else kubeconfig.read(Path(place))


def pairs(other: Callable[[], Access], runs: int) -> dict[str, list[tuple[float, float]]]:
    """By figure: (stead, other) of every run. Each run asks both, one after the other; the first run is a warm-up."""
    found: dict[str, list[tuple[float, float]]] = {}
    with command("simulated") as (_, data, _):
        ours, theirs = Target.of(kubeconfig.read(data / "kubeconfig")), Target.of(other())
        for run in range(runs + 1):
            mine, yours = load.against(ours), load.against(theirs)
            for name in mine if run else ():
                found.setdefault(name, []).append((mine[name], yours[name]))
    return found
