"""Values as Go prints them inside messages, which clients match on and people have learnt to read."""

from collections.abc import Mapping
from typing import Any

from stead.machinery.objects import encode

_SHORT = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 34: r"\"", 92: r"\\"}
_ESCAPED = ((b"&", rb"\u0026"), (b"<", rb"\u003c"), (b">", rb"\u003e"))


def quoted(text: str) -> str:
    """A text as `%q` prints it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_character, text))}"'


def _character(sign: str) -> str:
    code = ord(sign)
    if code in _SHORT:
        return _SHORT[code]
    if sign.isprintable():
        return sign
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(value: Any) -> str:
    """A value as `json.Marshal` writes it: escaped so that it could stand in HTML."""
    data = encode(value)
    for sign, escape in _ESCAPED:
        data = data.replace(sign, escape)
    return data.decode()


def printed(value: Any) -> str:
    """A plain value as `%v` prints it: `map[spec:map[replicas:x]]`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return f"map[{' '.join(f'{name}:{printed(value[name])}' for name in sorted(value))}]"
        case list():
            return f"[{' '.join(printed(item) for item in value)}]"
    return str(value)
