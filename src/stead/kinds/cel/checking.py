"""From tree to program: every place gets its type and the function that computes it, in one walk.

A program is a closure over a `Frame`; the names of loops are numbered slots in it, so that a look-up is an index.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from stead.kinds.cel import celtypes, costs, loops, operators
from stead.kinds.cel.celtypes import BOOL, DYN, INT, Type, list_of, map_of, optional_of
from stead.kinds.cel.declarations import Overload, functions
from stead.kinds.cel.faults import Fault, Unreadable
from stead.kinds.cel.frames import Run
from stead.kinds.cel.syntax import Call, Ident, Listed, Literal, Macro, Mapped, Node, Select, parsed

TYPES = {"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint", "dyn"}


class Checked(Struct, frozen=True):
    """A place in the tree, understood: its type, how it is run, what that costs at most, and how big its value is."""

    type: Type
    run: Run
    cost: int = 0
    size: int = celtypes.UNKNOWN_SIZE


class Program(Struct, frozen=True):
    """A whole expression, and the variables it reads."""

    checked: Checked
    uses: frozenset[str]
    slots: int

    @property
    def type(self) -> Type:
        return self.checked.type


def compiled(source: str, variables: Mapping[str, Type]) -> Program:
    """The program of an expression over `variables`, which come first among the slots; raises Unreadable."""
    checker = _Checker(source, variables)
    checked = checker.visit(parsed(source))
    if checker.faults:
        raise Unreadable(source, checker.faults)
    return Program(checked, frozenset(checker.used), checker.most_slots)


class _Checker:
    """One walk over one tree. After a fault a place is `dyn`, so that only the first of its kind is told."""

    def __init__(self, source: str, variables: Mapping[str, Type]) -> None:
        self.source = source
        self.scope: list[tuple[str, Type, int]] = [(name, type_, 1) for name, type_ in variables.items()]
        self.most_slots = len(self.scope)
        self.given = len(self.scope)
        self.faults: list[Fault] = []
        self.used: set[str] = set()

    def visit(self, node: Node) -> Checked:
        return _VISITS[type(node)](self, node)

    def fault(self, at: int, text: str) -> Checked:
        self.faults.append(Fault(at, text))
        return Checked(DYN, operators.constant(None))

    # --- names and members

    def literal(self, node: Literal) -> Checked:
        size = len(node.value) if isinstance(node.value, str | bytes) else 1
        return Checked(celtypes.json_name(node.value), operators.constant(node.value), 0, size)

    def ident(self, node: Ident) -> Checked:
        for slot in range(len(self.scope) - 1, -1, -1):
            name, type_, _ = self.scope[slot]
            if name == node.name:
                if slot < self.given:
                    self.used.add(name)
                return Checked(type_, operators.slot(slot), 1, costs.size_of(type_))
        if node.name in TYPES:
            return Checked(celtypes.TYPE, operators.constant(operators.type_named(node.name)), 1, 1)
        return self.fault(node.at, f"undeclared reference to '{node.name}' (in container '')")

    def select(self, node: Select) -> Checked:
        below = self.visit(node.operand)
        is_chained = below.type.name == "optional_type"
        operand = below.type.args[0] if is_chained else below.type
        found = self.member_type(node, operand)
        run = operators.selected(below.run, node.name, is_optional=node.is_optional, is_test=node.is_test)
        if node.is_test:
            return Checked(BOOL, run, below.cost, 1)
        type_ = optional_of(found) if is_chained or node.is_optional else found
        size = celtypes.UNKNOWN_SIZE if operand.name == "map" else costs.size_of(found)
        return Checked(type_, run, below.cost + 1, size)

    def member_type(self, node: Select, operand: Type) -> Type:
        if operand.name == "dyn":
            return DYN
        if operand.name == "map":
            return operand.args[1]
        if operand.fields is None:
            self.fault(node.at, f"type '{operand}' does not support field selection")
            return DYN
        if node.name not in operand.fields:
            self.fault(node.at, f"undefined field '{node.name}'")
            return DYN
        return operand.fields[node.name]

    # --- calls

    def call(self, node: Call) -> Checked:
        if node.name in ("_&&_", "_||_"):
            return self.logical(node)
        if node.name == "_?_:_":
            return self.choice(node)
        name, args, is_member = self.called(node)
        known = functions().get(name)
        if known is None or not any(overload.is_member == is_member for overload in known):
            for arg in args:
                self.visit(arg)
            return self.fault(node.at, f"undeclared reference to '{name}' (in container '')")
        checked = [self.mixed(arg) if name == "format" else self.visit(arg) for arg in args]
        result = self.resolved(node, name, [one.type for one in checked], is_member)
        if self.faults:
            return Checked(result, operators.constant(None))
        self.literals(name, args)
        run = operators.called(name, [one.run for one in checked])
        sizes = [one.size for one in checked]
        own = costs.of_call(name, sizes, [one.type for one in checked])
        size = costs.size_of_call(name, sizes, result)
        return Checked(result, run, costs.added(*(one.cost for one in checked), own), size)

    def called(self, node: Call) -> tuple[str, tuple[Node, ...], bool]:
        """The function's name and arguments: `sets.contains` is no member of a variable `sets`."""
        if node.target is None:
            return node.name, node.args, False
        if isinstance(node.target, Ident) and not any(name == node.target.name for name, _, _ in self.scope):
            whole = f"{node.target.name}.{node.name}"
            if whole in functions():
                return whole, node.args, False
        return node.name, (node.target, *node.args), True

    def resolved(self, node: Call, name: str, found: list[Type], is_member: bool) -> Type:
        results = [
            result
            for overload in functions()[name]
            if overload.is_member == is_member and (result := _result(overload, found)) is not None
        ]
        if not results:
            told = f"{found[0]}.({', '.join(map(str, found[1:]))})" if is_member else f"({', '.join(map(str, found))})"
            self.fault(node.at, f"found no matching overload for '{name}' applied to '{told}'")
            return DYN
        return results[0] if all(str(result) == str(results[0]) for result in results) else DYN

    def literals(self, name: str, args: tuple[Node, ...]) -> None:
        """A pattern, duration or time that is written out is read now, so that its faults are found now."""
        place = {"matches": 1, "find": 1, "findAll": 1, "duration": 0, "timestamp": 0}.get(name)
        if place is None or len(args) <= place:
            return
        arg = args[place]
        if isinstance(arg, Literal) and isinstance(arg.value, str):
            told = operators.fault_of_literal(name, arg.value)
            if told:
                self.fault(arg.at, told)

    def logical(self, node: Call) -> Checked:
        parts = [self.visit(arg) for arg in node.args]
        for part in parts:
            if part.type.name not in ("bool", "dyn"):
                types = ", ".join(str(one.type) for one in parts[:2])
                return self.fault(node.at, f"found no matching overload for '{node.name}' applied to '({types})'")
        run = operators.logical([part.run for part in parts], is_and=node.name == "_&&_")
        return Checked(BOOL, run, costs.added(*(part.cost for part in parts)), 1)

    def choice(self, node: Call) -> Checked:
        test, yes, no = (self.visit(arg) for arg in node.args)
        bound: celtypes.Bound = {}
        one = Type("A")
        fits = celtypes.fits(BOOL, test.type, bound)
        if not fits or not all(celtypes.fits(one, branch.type, bound) for branch in (yes, no)):
            types = ", ".join(str(part.type) for part in (test, yes, no))
            return self.fault(node.at, f"found no matching overload for '_?_:_' applied to '({types})'")
        run = operators.choice(test.run, yes.run, no.run)
        size = max(yes.size, no.size)
        return Checked(celtypes.with_bound(one, bound), run, costs.added(test.cost, max(yes.cost, no.cost)), size)

    # --- lists and maps

    def listed(self, node: Listed) -> Checked:
        items = [(self.visit(item), is_optional) for item, is_optional in node.items]
        nodes = [item for item, _ in node.items]
        element = self.common(self.unwrapped(items), nodes)
        run = operators.listed([(item.run, is_optional) for item, is_optional in items])
        cost = costs.added(costs.LIST, *(item.cost for item, _ in items))
        return Checked(list_of(element, len(items)), run, cost, len(items))

    def mapped(self, node: Mapped) -> Checked:
        keys = [self.visit(key) for key, _, _ in node.entries]
        values = [(self.visit(value), is_optional) for _, value, is_optional in node.entries]
        key = self.common([one.type for one in keys], [one for one, _, _ in node.entries])
        value = self.common(self.unwrapped(values), [one for _, one, _ in node.entries])
        entries = [(one.run, two.run, is_optional) for one, (two, is_optional) in zip(keys, values, strict=True)]
        cost = costs.added(costs.MAP, *(one.cost for one in keys), *(one.cost for one, _ in values))
        return Checked(map_of(key, value, len(entries)), operators.mapped(entries), cost, len(entries))

    def mixed(self, node: Node) -> Checked:
        """What is formatted may be of any sorts."""
        if not isinstance(node, Listed):
            return self.visit(node)
        items = [(self.visit(item), is_optional) for item, is_optional in node.items]
        run = operators.listed([(item.run, is_optional) for item, is_optional in items])
        return Checked(list_of(DYN), run, costs.added(costs.LIST, *(item.cost for item, _ in items)), len(items))

    def unwrapped(self, items: list[tuple[Checked, bool]]) -> list[Type]:
        return [
            item.type.args[0] if is_optional and item.type.name == "optional_type" else item.type
            for item, is_optional in items
        ]

    def common(self, types: list[Type], nodes: list[Node]) -> Type:
        """Items of a literal have one type."""
        if not types:
            return DYN
        bound: celtypes.Bound = {}
        for type_, node in zip(types, nodes, strict=True):
            if not celtypes.fits(Type("A"), type_, bound):
                self.fault(node.at, f"expected type '{bound['A']}' but found '{type_}'")
                return DYN
        return bound["A"]

    # --- loops

    def macro(self, node: Macro) -> Checked:
        below = self.visit(node.operand)
        if node.name in ("optMap", "optFlatMap"):
            return self.bound(node, below)
        key, value, is_map = self.ranged(node, below)
        named = [key, value] if len(node.variables) == 2 else [key if is_map else value]
        with_slots = list(zip(node.variables, named, strict=True))
        first = len(self.scope)
        bodies = [self.within(with_slots, body) for body in node.bodies]
        result, faulty = loops.result_type(node.name, [body.type for body in bodies], key, named[-1])
        if faulty is not None:
            where, told = faulty
            return self.fault(node.bodies[where].at, told)
        run = loops.looped(node.name, below.run, [body.run for body in bodies], (first, len(node.variables)))
        times = min(below.size, celtypes.UNKNOWN_SIZE)
        each = costs.added(costs.LOOP, *(body.cost for body in bodies))
        return Checked(result, run, costs.added(below.cost, costs.times(times, each), 1), times)

    def ranged(self, node: Macro, below: Checked) -> tuple[Type, Type, bool]:
        """The types of a loop's index or key, and of its item."""
        type_ = below.type
        if type_.name == "list":
            return INT, type_.args[0], False
        if type_.name == "map":
            return type_.args[0], type_.args[1], True
        if type_.name != "dyn":
            told = f"expression of type '{type_}' cannot be range of a comprehension (must be list, map, or dynamic)"
            self.fault(node.operand.at, told)
        return DYN, DYN, False

    def within(self, variables: list[tuple[str, Type]], body: Node) -> Checked:
        self.scope += [(name, type_, 1) for name, type_ in variables]
        self.most_slots = max(self.most_slots, len(self.scope))
        checked = self.visit(body)
        del self.scope[len(self.scope) - len(variables) :]
        return checked

    def bound(self, node: Macro, below: Checked) -> Checked:
        """`a.optMap(v, f(v))`: computed where the value is there."""
        if below.type.name not in ("optional_type", "dyn"):
            return self.fault(node.at, f"found no matching overload for '{node.name}' applied to '{below.type}.()'")
        inner = below.type.args[0] if below.type.args else DYN
        first = len(self.scope)
        body = self.within([(node.variables[0], inner)], node.bodies[0])
        type_ = optional_of(body.type) if node.name == "optMap" else body.type
        run = loops.bound(below.run, body.run, first, is_flat=node.name == "optFlatMap")
        return Checked(type_, run, costs.added(below.cost, body.cost, 2), body.size)


def _result(overload: Overload, found: list[Type]) -> Type | None:
    """The type of a call, None where the arguments do not fit."""
    if len(overload.args) != len(found):
        return None
    bound: celtypes.Bound = {}
    if not all(celtypes.fits(wanted, type_, bound) for wanted, type_ in zip(overload.args, found, strict=True)):
        return None
    return celtypes.with_bound(overload.result, bound)


_VISITS: Mapping[type[Node], Callable[[_Checker, Any], Checked]] = {
    Literal: _Checker.literal,
    Ident: _Checker.ident,
    Select: _Checker.select,
    Call: _Checker.call,
    Listed: _Checker.listed,
    Mapped: _Checker.mapped,
    Macro: _Checker.macro,
}


def variables_of(program: Program) -> Iterator[str]:
    """Those that it reads, sorted."""
    yield from sorted(program.uses)
