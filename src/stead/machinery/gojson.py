"""What Go says about JSON that is none. Clients show these sentences to people, and some match on them.

Only texts that a fast parser has already refused come here, so this reads one character at a time and cares for words.
"""

import json
from collections.abc import Callable

END = "unexpected end of JSON input"
SPACE = frozenset(" \t\r\n")
LITERALS = {"t": "true", "f": "false", "n": "null"}
DEEPEST = 10_000


class _Wrong(Exception):
    """Where and why the text stops being JSON."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.open: list[str] = []

    def read(self) -> None:
        self._value()
        while self.open:
            (self._member if self.open[-1] == "}" else self._element)()
        rest = self._skip()
        if rest:
            raise self._wrong(rest, "after top-level value")

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _skip(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in SPACE:
            self.at += 1
        return self._peek()

    def _wrong(self, found: str, where: str) -> _Wrong:
        return _Wrong(f"invalid character {quoted(found)} {where}") if found else _Wrong(END)

    def _value(self) -> None:
        """One value; of an object or array only its opening."""
        found = self._skip()
        if found in ("{", "["):
            self._opened("}" if found == "{" else "]")
        elif found == '"':
            self._string()
        elif found in LITERALS:
            self._literal(LITERALS[found])
        elif found == "-" or (found.isascii() and found.isdigit()):
            self._number()
        else:
            raise self._wrong(found, "looking for beginning of value")

    def _opened(self, closing: str) -> None:
        self.at += 1
        if len(self.open) >= DEEPEST:
            raise _Wrong("exceeded max depth")
        self.open.append(closing)
        if self._skip() == closing:
            self._closed()
        elif closing == "}":
            self._key()
        else:
            self._value()

    def _closed(self) -> None:
        self.at += 1
        self.open.pop()

    def _key(self) -> None:
        found = self._skip()
        if found != '"':
            raise self._wrong(found, "looking for beginning of object key string")
        self._string()
        found = self._skip()
        if found != ":":
            raise self._wrong(found, "after object key")
        self.at += 1
        self._value()

    def _member(self) -> None:
        self._next("}", "after object key:value pair", self._key)

    def _element(self) -> None:
        self._next("]", "after array element", self._value)

    def _next(self, closing: str, where: str, more: Callable[[], None]) -> None:
        found = self._skip()
        if found == closing:
            self._closed()
        elif found == ",":
            self.at += 1
            more()
        else:
            raise self._wrong(found, where)

    def _literal(self, word: str) -> None:
        self.at += 1
        for letter in word[1:]:
            found = self._peek()
            if found != letter:
                raise self._wrong(found, f"in literal {word} (expecting {quoted(letter)})")
            self.at += 1

    def _string(self) -> None:
        self.at += 1
        while (found := self._peek()) != '"':
            if found == "" or found < " ":
                raise self._wrong(found, "in string literal")
            self.at += 1
            if found == "\\":
                self._escape()
        self.at += 1

    def _escape(self) -> None:
        found = self._peek()
        self.at += 1
        if found == "u":
            for _ in range(4):
                digit = self._peek()
                if not digit or digit not in "0123456789abcdefABCDEF":
                    raise self._wrong(digit, "in \\u hexadecimal character escape")
                self.at += 1
        elif not found or found not in 'bfnrt\\/"':
            raise self._wrong(found, "in string escape code")

    def _number(self) -> None:
        if self._peek() == "-":
            self.at += 1
            self._digits("in numeric literal", once=self._peek() == "0")
        else:
            self._digits("in numeric literal", once=self._peek() == "0")
        if self._peek() == ".":
            self.at += 1
            self._digits("after decimal point in numeric literal")
        if self._peek() in ("e", "E"):
            self.at += 1
            self.at += self._peek() in ("+", "-")
            self._digits("in exponent of numeric literal")

    def _digits(self, where: str, *, once: bool = False) -> None:
        found = self._peek()
        if not (found.isascii() and found.isdigit()):
            raise self._wrong(found, where)
        self.at += 1
        while not once and self._peek().isascii() and self._peek().isdigit():
            self.at += 1


def quoted(character: str) -> str:
    """A character as Go quotes it in these messages."""
    if character == "'":
        return r"'\''"
    if character == '"':
        return "'\"'"
    inner = json.dumps(character, ensure_ascii=False)[1:-1]
    if character.isprintable():
        return f"'{inner}'"
    code = ord(character)
    short = {7: r"\a", 8: r"\b", 12: r"\f", 10: r"\n", 13: r"\r", 9: r"\t", 11: r"\v"}
    if code in short:
        return f"'{short[code]}'"
    return f"'\\x{code:02x}'" if code < 0x80 else f"'\\u{code:04x}'"


def fault(data: bytes) -> str:
    """Why `data` is not JSON, in Go's words; "" if it is. Bytes that are no ASCII count one by one, as in Go."""
    reader = _Reader(data.decode("latin-1"))
    try:
        reader.read()
    except _Wrong as wrong:
        return str(wrong)
    except RecursionError:
        return "exceeded max depth"
    return ""


def word(data: bytes) -> str:
    """What Go calls the sort of value that a JSON text holds."""
    first = data.strip()[:1].decode("latin-1")
    return {"{": "object", "[": "array", '"': "string", "t": "bool", "f": "bool", "n": "null"}.get(first, "number")
