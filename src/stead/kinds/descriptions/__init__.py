"""What every type and field that is served means, in stead's own words: a readable file a group, by type and field.

In a file `_` is the type itself, `like` takes the fields of another type where they are not told here, and `*` in
`meta.json` is what all types have.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from stead.machinery.objects import decode

HERE = Path(__file__).parent
ELSEWHERE = {"resource": "meta", "intstr": "meta", "runtime": "meta"}  # types without a group of their own

Texts = dict[str, Mapping[str, str]]


class Descriptions:
    """The texts, read as they are asked for and kept as long as this is: only makers of OpenAPI documents need them."""

    def __init__(self) -> None:
        self._groups: dict[str, Texts] = {}

    def of(self, type_name: str) -> Mapping[str, str]:
        """The texts of a type's fields by name, that of the type itself under ""; none for an unknown type."""
        group, _, name = type_name.partition(".")
        texts = self._group(ELSEWHERE.get(group, group))
        told = texts.get(type_name if group in ELSEWHERE else name, {})
        made = {**self._group("meta")["*"], **(texts[told["like"]] if "like" in told else {}), **told}
        return {"": made.get("_", ""), **{field: text for field, text in made.items() if field not in ("_", "like")}}

    def _group(self, group: str) -> Texts:
        found = self._groups.get(group)
        if found is None:
            found = self._groups[group] = {}
            for path in paths(group):
                found |= decode(path.read_bytes())
        return found


def paths(group: str) -> Iterator[Path]:
    """The files of a group: one, or several for a large one (`core-pods.json`)."""
    yield from sorted({*HERE.glob(f"{group}.json"), *HERE.glob(f"{group}-*.json")})
