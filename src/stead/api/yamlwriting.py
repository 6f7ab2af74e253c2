"""YAML as the API server writes it: keys sorted, blocks, every text quoted that could be read as anything else.

Kept by itself because PyYAML is loaded when the first YAML is asked for.
"""

from typing import Any

import yaml

from stead.api.yamlscalars import Loader

FOREVER = 2**31 - 1  # lines are not folded


class _Dumper(yaml.CSafeDumper if hasattr(yaml, "CSafeDumper") else yaml.SafeDumper):  # type: ignore[misc]
    """PyYAML's writer, which also quotes what Go's reader would take for a number or a boolean."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    """Lines as lines; in double quotes what would otherwise be no text."""
    is_plain = dumper.resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"
    style = "|" if "\n" in text else None if is_plain else '"'
    node: yaml.Node = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


def _together() -> dict[str, list[Any]]:
    """What PyYAML knows not to be text, and what Go does."""
    ours, theirs = Loader.yaml_implicit_resolvers, yaml.SafeDumper.yaml_implicit_resolvers
    firsts = {first for first in (*ours, *theirs) if first is not None}
    return {first: [*theirs.get(first, []), *ours.get(first, [])] for first in firsts}


_Dumper.yaml_implicit_resolvers = _together()
_Dumper.add_representer(str, _text)


def text(value: Any) -> str:
    """A value, decoded from JSON, as one YAML document."""
    made: str = yaml.dump(value, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=FOREVER)
    return made
