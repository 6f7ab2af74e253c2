"""YAML as kubectl and the API server read it (Go's sigs.k8s.io/yaml), which no Python library does.

`y` and `off` are booleans, `0777` is 511, `12:30:45` and dates are text, `!!binary` is decoded, keys become text.
"""

from collections.abc import Iterator
from typing import Any

from stead.machinery.goprint import quoted
from stead.machinery.late import Late

_ERRORS = "yaml: unmarshal errors:"

yaml: Any = Late("yaml")
scalars: Any = Late("stead.api.yamlscalars")


class NotYaml(ValueError):
    """The text is no YAML. `line` and `column` count from 1 and are 0 where unknown; `index` counts characters.

    `as_go` is what the API server says: there the parser counts lines from 0, and nobody speaks of the first one.
    """

    def __init__(self, problem: str, line: int = 0, column: int = 0, index: int = 0, *, is_scanned: bool = True):
        super().__init__(f"yaml: line {line}: {problem}" if line else f"yaml: {problem}")
        self.problem, self.line, self.column, self.index = problem, line, column, index
        counted = line if is_scanned and line > 1 else line - 1
        self.as_go = f"yaml: line {counted}: {problem}" if counted > 0 else f"yaml: {problem}"


def parse(text: str | bytes) -> Any:
    """The first document of a text, None where it is empty; raises NotYaml."""
    return next(documents(text), None)


def documents(text: str | bytes) -> Iterator[Any]:
    """Every document of a text; raises NotYaml."""
    try:
        yield from yaml.load_all(text, scalars.Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1, mark.index) if mark else (0, 0, 0)
        is_scanned = isinstance(error, yaml.scanner.ScannerError)
        raise NotYaml(str(error.problem or error.context), *place, is_scanned=is_scanned) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotYaml(str(error)) from error


def repeated(text: bytes) -> str:
    """What Go says of keys given twice in a text that is YAML, "" where none is."""
    try:
        found = [f"  line {line}: key {quoted(key)} already set in map" for line, key in scalars.repeated_keys(text)]
    except (yaml.YAMLError, ValueError, RecursionError):
        return ""
    return "\n".join([_ERRORS, *found]) if found else ""


def lines_of(text: str) -> list[str]:
    """A text of `repeated` as warnings tell it, a line each; any other text as it is."""
    first, *lines = text.split("\n")
    return [line.strip() for line in lines] if first == _ERRORS else [text]
