"""Modules that most lives never need (certificates, DNS messages, YAML, WebSockets), loaded when first asked for.

A start takes a fifth of a second, most of it for modules; these few would add half as much again.
"""

from importlib import import_module
from typing import Any


class Late:
    """Stands for a module: `yaml: Any = Late("yaml")` instead of `import yaml`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, member: str) -> Any:
        return getattr(import_module(self._name), member)
