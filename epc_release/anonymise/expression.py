"""Expressions of a policy: a small safe grammar, parsed by hand into frozen nodes.

::

    either   = all { "or" all }            all  = no { "and" no }
    no       = "not" no | one              one  = "(" either ")" | test
    test     = column                      (true or false)
             | value ("=" | "!=" | "<" | "<=" | ">" | ">=") value
             | column ["not"] "in" "[" literal { "," literal } "]"
             | column "is" ["not"] "missing"
    value    = column | literal | "cutoff"
    literal  = 'text' | number | 2008-10-01 | 2008-10-01T12:00:00 | true | false

There is no call, no arithmetic and no evaluation of Python. ``compile`` gives the vectorised form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import NoReturn

MAXIMUM_DEPTH = 30
WORDS = frozenset({"and", "or", "not", "in", "is", "missing", "true", "false", "cutoff"})
_TOKEN = re.compile(
    r"""(?P<date>\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2})?)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<operator><=|>=|!=|=|<|>)
    | (?P<mark>[()\[\],])
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)""",
    re.VERBOSE,
)


class ExpressionError(ValueError):
    """What is wrong, and at which character of the text (from 1)."""

    def __init__(self, position: int, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


@dataclass(frozen=True)
class Column:
    """A column of the conformed record."""

    name: str
    position: int


@dataclass(frozen=True)
class Literal:
    """A constant."""

    value: str | int | float | bool | date | datetime
    position: int


@dataclass(frozen=True)
class Cutoff:
    """The cut-off of the build: its local time, or its local date beside a date."""

    position: int


Value = Column | Literal | Cutoff


@dataclass(frozen=True)
class Flag:
    """A true-or-false column by itself."""

    column: Column


@dataclass(frozen=True)
class Compare:
    """``left operator right``."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True)
class Among:
    """``column in [..]``."""

    column: Column
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Missing:
    """``column is missing``: the only test that is never unknown."""

    column: Column


@dataclass(frozen=True)
class Not:
    """``not part``; the negation of unknown is unknown."""

    part: Node


@dataclass(frozen=True)
class Both:
    """``and``: false if a part is false, else unknown if a part is unknown."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """``or``: true if a part is true, else unknown if a part is unknown."""

    parts: tuple[Node, ...]


Node = Flag | Compare | Among | Missing | Not | Both | Either


def parse(text: str) -> Node:
    """The expression in ``text``. Raises ExpressionError with the character at fault."""
    return _Parser(text).expression()


def columns(node: Node | Value) -> Iterator[Column]:
    """Every mention of a column, in the order of the text."""
    match node:
        case Column():
            yield node
        case Flag(column) | Among(column, _) | Missing(column):
            yield column
        case Compare(_, left, right):
            yield from columns(left)
            yield from columns(right)
        case Not(part):
            yield from columns(part)
        case Both(parts) | Either(parts):
            for part in parts:
                yield from columns(part)
        case Literal() | Cutoff():
            return


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.end = len(text) + 1
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def expression(self) -> Node:
        node = self.either()
        if self.at < len(self.tokens):
            self.wrong("the expression should end here")
        return node

    def either(self) -> Node:
        parts = [self.all()]
        while self.accept("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def all(self) -> Node:
        parts = [self.no()]
        while self.accept("and"):
            parts.append(self.no())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def no(self) -> Node:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            self.wrong("the expression is nested too deeply")
        node = Not(self.no()) if self.accept("not") else self.one()
        self.depth -= 1
        return node

    def one(self) -> Node:
        if self.accept("("):
            node = self.either()
            self.expect(")")
            return node
        left = self.value()
        kind, piece, _ = self.peek()
        if kind == "operator":
            self.at += 1
            return Compare(piece, left, self.value())
        if not isinstance(left, Column):
            self.wrong("a comparison is expected here")
        if self.accept("is"):
            negated = self.accept("not")
            self.expect("missing")
            return Not(Missing(left)) if negated else Missing(left)
        if self.accept("not"):
            self.expect("in")
            return Not(Among(left, self.literals()))
        if self.accept("in"):
            return Among(left, self.literals())
        return Flag(left)

    def literals(self) -> tuple[Literal, ...]:
        self.expect("[")
        found = [self.literal()]
        while self.accept(","):
            found.append(self.literal())
        self.expect("]")
        return tuple(found)

    def literal(self) -> Literal:
        value = self.value()
        if not isinstance(value, Literal):
            self.at -= 1
            self.wrong("a list holds constants only")
        return value

    def value(self) -> Value:
        kind, piece, position = self.peek()
        if kind in ("mark", "operator", "end") or (piece in WORDS - {"true", "false", "cutoff"}):
            self.wrong("a column or a constant is expected here")
        self.at += 1
        if piece == "cutoff":
            return Cutoff(position)
        if kind == "word" and piece not in ("true", "false"):
            return Column(piece, position)
        return Literal(_constant(kind, piece, position), position)

    def peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", self.end)

    def accept(self, piece: str) -> bool:
        kind, found, _ = self.peek()
        if kind in ("mark", "word") and found == piece:
            self.at += 1
            return True
        return False

    def expect(self, piece: str) -> None:
        if not self.accept(piece):
            self.wrong(f"{piece!r} is expected here")

    def wrong(self, problem: str) -> NoReturn:
        raise ExpressionError(self.peek()[2], problem)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise ExpressionError(at + 1, "this character has no meaning here")
        yield found.lastgroup, found.group(), at + 1
        at = found.end()


def _constant(kind: str, piece: str, position: int) -> str | int | float | bool | date | datetime:
    if kind == "text":
        return piece[1:-1]
    if kind == "number":
        return float(piece) if "." in piece else int(piece)
    if kind == "word":
        return piece == "true"
    try:
        return datetime.fromisoformat(piece) if "T" in piece else date.fromisoformat(piece)
    except ValueError:
        raise ExpressionError(position, "there is no such date") from None
