"""From text to tree: the grammar of CEL, with its macros already known for what they are."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from stead.kinds.cel.faults import Fault, Unreadable
from stead.kinds.cel.values import Unsigned

DEEPEST = 250
LONGEST = 100_000


class Node(Struct, frozen=True):
    """A place in the tree; `at` is the character its faults are told at."""

    at: int


class Literal(Node, frozen=True):
    value: Any


class Ident(Node, frozen=True):
    name: str


class Select(Node, frozen=True):
    operand: Node
    name: str
    is_optional: bool = False
    is_test: bool = False  # has(a.b)


class Call(Node, frozen=True):
    """`name(args)`, or `target.name(args)`; operators are calls of `_+_` and the like."""

    name: str
    args: tuple[Node, ...]
    target: Node | None = None


class Listed(Node, frozen=True):
    items: tuple[tuple[Node, bool], ...]  # the item, and whether it is optional


class Mapped(Node, frozen=True):
    entries: tuple[tuple[Node, Node, bool], ...]


class Macro(Node, frozen=True):
    """A loop over a list or map (`all`, `map`, ...), or a name for a value (`optMap`)."""

    name: str
    operand: Node
    variables: tuple[str, ...]
    bodies: tuple[Node, ...]


MOST_DIGITS = 25  # of a number that is too large in any case

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n\f]+|//[^\n]*)
      | (?P<text>(?:[bB][rR]?|[rR][bB]?)?(?:\"\"\"|'''|"|'))
      | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
      | (?P<int>0[xX][0-9a-fA-F]+|\d+)(?P<unsigned>[uU]?)
      | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_KEYWORDS = "as break const continue else for function if import let loop package namespace return var void while"
_RESERVED = frozenset(_KEYWORDS.split())
_RELATIONS = frozenset(("==", "!=", "<", "<=", ">", ">=", "in"))
_LOOPS = {"all": (2, 3), "exists": (2, 3), "exists_one": (2, 3), "existsOne": (2, 3), "map": (2, 3), "filter": (2,)}
_PAIRED = {"transformList": (3, 4), "transformMap": (3, 4), "transformMapEntry": (3, 4)}
_BOUND = ("optMap", "optFlatMap")
_STARTS = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
)


class Token(Struct, frozen=True):
    sort: str  # text, float, int, uint, name, sign, end
    text: str
    at: int
    value: Any = None


def parsed(source: str) -> Node:
    """The tree of an expression; raises Unreadable."""
    if len(source) > LONGEST:
        told = f"expression code point size exceeds limit: size: {len(source)}, limit {LONGEST}"
        raise Unreadable(source, [Fault(0, told)])
    try:
        return _Parser(source).whole()
    except RecursionError:
        raise Unreadable(source, [Fault(0, f"expression recursion limit exceeded: {DEEPEST}")]) from None


class _Lexer:
    """Tokens of a text, one after the other."""

    def __init__(self, source: str) -> None:
        self.source = source

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        at = 0
        while at < len(self.source):
            match = _TOKEN.match(self.source, at)
            if match is None:
                raise self.fault(at, f"token recognition error at: '{self.source[at]}'")
            if match["text"]:
                token, at = self._text(match["text"], at)
                found.append(token)
                continue
            at = match.end()
            if not match["blank"]:
                found.append(self._token(match))
        found.append(Token("end", "<EOF>", len(self.source)))
        return found

    def fault(self, at: int, text: str) -> Unreadable:
        return Unreadable(self.source, [Fault(at, f"Syntax error: {text}")])

    def _token(self, match: re.Match[str]) -> Token:
        text, at = match[0], match.start()
        if match["float"]:
            return Token("float", text, at, float(text))
        if match["int"]:
            digits = match["int"].lstrip("0") or "0"
            is_hex = digits[0] in "xX"
            number = int(digits[1:] if is_hex else digits[:MOST_DIGITS], 16 if is_hex else 10)
            if number >= 2**64 or (number > 2**63 and not match["unsigned"]):
                raise Unreadable(self.source, [Fault(at, "invalid int literal")])
            return Token("uint", text, at, Unsigned(number)) if match["unsigned"] else Token("int", text, at, number)
        return Token("name" if match["name"] else "sign", text, at)

    def _text(self, opening: str, at: int) -> tuple[Token, int]:
        """A string or bytes literal, whose end depends on how it begins."""
        marks = opening.lstrip("bBrR")
        prefix = opening[: len(opening) - len(marks)].lower()
        is_raw, is_bytes, start = "r" in prefix, "b" in prefix, at + len(opening)
        end = start
        while not self.source.startswith(marks, end):
            if end >= len(self.source) or (len(marks) == 1 and self.source[end] in "\r\n"):
                raise self.fault(at, f"token recognition error at: '{self.source[at:end]}'")
            end += 2 if self.source[end] == "\\" and not is_raw else 1
        body = self.source[start:end]
        value = body if is_raw else self._unescaped(body, start)
        done = end + len(marks)
        token = self.source[at:done]
        has_escapes = "\\" in body and not is_raw
        return Token("text", token, at, _as_bytes(value, has_escapes) if is_bytes else value), done

    def _unescaped(self, body: str, at: int) -> str:
        def octal(word: str, start: int) -> int:
            if len(word) != 3:
                raise self.fault(at + start, f"token recognition error at: '\\{word}'")
            return int(word, 8)

        def read(match: re.Match[str]) -> str:
            word = match[0][1:]
            if word in _SHORT:
                return _SHORT[word]
            if word[0] in "xXuU" and len(word) > 1 and not _is_surrogate(number := int(word[1:], 16)):
                return chr(number)
            if word[0] in "0123456789":
                return chr(octal(word, match.start()))
            raise self.fault(at + match.start(), f"token recognition error at: '{match[0]}'")

        return _ESCAPE.sub(read, body)


_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {s: s for s in "\\?\"'`"}
_ESCAPE = re.compile(r"\\(?:[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|U0010[0-9a-fA-F]{4}|[0-3][0-7]{2}|.)")


def _is_surrogate(number: int) -> bool:
    """Half a character of UTF-16, which no text has alone."""
    return 0xD800 <= number < 0xE000


def _as_bytes(text: str, has_escapes: bool) -> bytes:
    """An escape in a bytes literal is a byte; text without any stands for its UTF-8."""
    is_narrow = all(ord(sign) < 256 for sign in text)
    return text.encode("latin-1") if has_escapes and is_narrow else text.encode()


class _Parser:
    """Recursive descent, one method a level of the grammar."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lexer = _Lexer(source)
        self.tokens = self.lexer.tokens()
        self.next = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def whole(self) -> Node:
        made = self.expression()
        if self.token.sort != "end":
            raise self.fault(f"extraneous input '{self.token.text}' expecting <EOF>")
        return made

    def fault(self, text: str) -> Unreadable:
        return self.lexer.fault(self.token.at, text)

    def take(self, *signs: str) -> Token | None:
        token = self.token
        if token.text in signs and token.sort in ("sign", "name"):
            self.next += 1
            return token
        return None

    def want(self, sign: str) -> Token:
        token = self.take(sign)
        if token is None:
            raise self.fault(f"mismatched input '{self.token.text}' expecting '{sign}'")
        return token

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(self.source, [Fault(self.token.at, f"expression recursion limit exceeded: {DEEPEST}")])
        made = self.logical("||", "_||_", lambda: self.logical("&&", "_&&_", self.relation))
        question = self.take("?")
        if question is not None:
            yes = self.logical("||", "_||_", lambda: self.logical("&&", "_&&_", self.relation))
            self.want(":")
            made = Call(question.at, "_?_:_", (made, yes, self.expression()))
        self.depth -= 1
        return made

    def logical(self, sign: str, name: str, below: Callable[[], Node]) -> Node:
        parts = [below()]
        at = self.token.at
        while self.take(sign) is not None:
            parts.append(below())
        return parts[0] if len(parts) == 1 else Call(at, name, tuple(parts))

    def relation(self) -> Node:
        made = self.sum()
        while self.token.text in _RELATIONS and self.token.sort in ("sign", "name"):
            sign = self.token
            self.next += 1
            name = "@in" if sign.text == "in" else f"_{sign.text}_"
            made = Call(sign.at, name, (made, self.sum()))
        return made

    def sum(self) -> Node:
        made = self.product()
        while (sign := self.take("+", "-")) is not None:
            made = Call(sign.at, f"_{sign.text}_", (made, self.product()))
        return made

    def product(self) -> Node:
        made = self.unary()
        while (sign := self.take("*", "/", "%")) is not None:
            made = Call(sign.at, f"_{sign.text}_", (made, self.unary()))
        return made

    def unary(self) -> Node:
        first = self.take("!", "-")
        if first is None:
            return self.member()
        count = 1
        if first.text == "-" and self.token.sort in ("int", "float"):
            number = self.token
            self.tokens[self.next] = Token(number.sort, f"-{number.text}", first.at, -number.value)
            return self.member()
        while self.take(first.text) is not None:
            count += 1
        below = self.member()
        if count % 2 == 0:
            return below
        return Call(first.at, "!_" if first.text == "!" else "-_", (below,))

    def member(self) -> Node:
        made = self.primary()
        steps = 0
        while (sign := self.take(".", "[", "{")) is not None:
            steps += 1
            if steps > DEEPEST:
                raise Unreadable(self.source, [Fault(sign.at, f"expression recursion limit exceeded: {DEEPEST}")])
            if sign.text == "{":
                raise self.lexer.fault(sign.at, "mismatched input '{' expecting <EOF>")
            made = self.index(made, sign) if sign.text == "[" else self.selected(made, sign)
        return made

    def index(self, operand: Node, sign: Token) -> Node:
        is_optional = self.take("?") is not None
        index = self.expression()
        self.want("]")
        return Call(sign.at, "_[?_]" if is_optional else "_[_]", (operand, index))

    def selected(self, operand: Node, sign: Token) -> Node:
        is_optional = self.take("?") is not None
        name = self.token
        if name.sort != "name":
            raise self.fault(f"no viable alternative at input '.{name.text if name.sort != 'end' else ''}'")
        self.next += 1
        opening = None if is_optional else self.take("(")
        if opening is None:
            return Select(sign.at, operand, name.text, is_optional=is_optional)
        args = self.arguments(")")
        return self.macro(operand, name.text, args, opening.at) or Call(opening.at, name.text, tuple(args), operand)

    def arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while self.take(end) is None:
            if found:
                self.want(",")
            found.append(self.expression())
        return found

    def macro(self, operand: Node, name: str, args: list[Node], at: int) -> Node | None:
        counts = _LOOPS.get(name) or _PAIRED.get(name) or ((2,) if name in _BOUND else ())
        if len(args) not in counts:
            return None
        pairs = 2 if name in _PAIRED or (name in ("all", "exists", "exists_one", "existsOne") and len(args) == 3) else 1
        variables: list[str] = []
        for arg in args[:pairs]:
            if not isinstance(arg, Ident):
                raise Unreadable(self.source, [Fault(arg.at, "argument must be a simple name")])
            variables.append(arg.name)
        return Macro(at, "exists_one" if name == "existsOne" else name, operand, tuple(variables), tuple(args[pairs:]))

    def primary(self) -> Node:
        token = self.token
        if token.sort == "end" or (token.sort == "sign" and token.text not in "([{."):
            raise self.fault(f"mismatched input '{token.text}' expecting {_STARTS}")
        self.next += 1
        if token.sort in ("text", "int", "uint", "float"):
            if token.value == 2**63 and token.sort == "int":
                raise Unreadable(self.source, [Fault(token.at, "invalid int literal")])
            return Literal(token.at, token.value)
        if token.sort == "name":
            return self.named(token)
        if token.text == "(":
            made = self.expression()
            self.want(")")
            return made
        if token.text == "[":
            return self.listed(token)
        if token.text == "{":
            return self.mapped(token)
        return self.primary()  # a leading dot: the same name, from the root

    def named(self, token: Token) -> Node:
        if token.text in ("true", "false", "null"):
            return Literal(token.at, {"true": True, "false": False, "null": None}[token.text])
        if token.text in _RESERVED:
            raise Unreadable(self.source, [Fault(token.at, f"reserved identifier: {token.text}")])
        opening = self.take("(")
        if opening is None:
            return Ident(token.at, token.text)
        args = self.arguments(")")
        if token.text == "has" and len(args) == 1:
            return self.tested(args[0])
        return Call(opening.at, token.text, tuple(args))

    def tested(self, arg: Node) -> Node:
        if not isinstance(arg, Select):
            raise Unreadable(self.source, [Fault(arg.at, "invalid argument to has() macro")])
        return Select(arg.at, arg.operand, arg.name, is_test=True)

    def listed(self, opening: Token) -> Node:
        items: list[tuple[Node, bool]] = []
        while self.take("]") is None:
            if items and (self.want(",") is None or self.take("]") is not None):
                break
            is_optional = self.take("?") is not None
            items.append((self.expression(), is_optional))
        return Listed(opening.at, tuple(items))

    def mapped(self, opening: Token) -> Node:
        entries: list[tuple[Node, Node, bool]] = []
        while self.take("}") is None:
            if entries and (self.want(",") is None or self.take("}") is not None):
                break
            is_optional = self.take("?") is not None
            key = self.expression()
            self.want(":")
            entries.append((key, self.expression(), is_optional))
        return Mapped(opening.at, tuple(entries))
