"""What still lives of a data directory on which no stead runs, or one does: pods outlive it."""

from pathlib import Path

from stead.runtimes.native import sandbox


def living_pods(data: Path) -> int:
    """How many pods have living processes; an engine that runs counts as one, for it may have any."""
    native = [
        place for node in data.glob("node*/pods") for place in node.iterdir() if sandbox.recorded_shim(str(place))
    ]
    return len(native) + len(list(data.glob("cri*/engine/containerd.pid")))
