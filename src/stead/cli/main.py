"""The command `stead`. Nothing of stead is imported here but the asked command's module, so that help is instant."""

import argparse
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from stead import __version__

COMMANDS = {
    "up": "start stead, apply manifests, show how they come to life",
    "down": "stop the stead that runs in the background",
    "status": "what runs, and what it waits for",
    "doctor": "what this machine allows, what that means, and what to do",
    "explain": "why is it not there yet? (sts/web, pod/web-1, pvc/www-web-0)",
    "plan": "what will happen if these manifests are applied; nothing is written",
    "controller": "the StatefulSet controller alone, against a real cluster",
    "node": "the nodes' machines: list them, stop and start one, cut one off and heal it",
    "image": "images for pods: import an archive, list them, remove them",
    "backup": "a whole copy of all objects, taken while stead runs",
    "restore": "put such a copy back",
    "dns": "ask the cluster's DNS from outside",
    "simulate": "the same manifests in virtual time: the log of rounds",
    "replay": "a simulated life again, by its seed or from a file, round by round",
}
EPILOG = (
    "The data directory is --data, else $STEAD_HOME, else ~/.stead. kubectl finds the cluster by <data>/kubeconfig."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answers its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(next((word for word in words if word in COMMANDS), ""))
    parsed = parser.parse_args(words)
    if not getattr(parsed, "run", None):
        parser.print_help()
        return 2
    try:
        return int(parsed.run(parsed))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141


def _parser(wanted: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stead", description="The StatefulSet of Kubernetes, on this machine.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=f"stead {__version__} (Kubernetes 1.36)")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, told in COMMANDS.items():
        command = commands.add_parser(name, help=told, description=told)
        if name == wanted:
            _module(name).add_arguments(command)
    return parser


def _module(name: str) -> Any:
    """A command's module. All that loading makes stays, so nobody looks for garbage in it, then or later."""
    gc.disable()
    module = import_module(f"stead.cli.{name}")
    gc.freeze()
    gc.enable()
    return module


if __name__ == "__main__":
    sys.exit(main())
