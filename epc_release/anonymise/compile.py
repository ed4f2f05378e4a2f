"""Expressions of a policy, checked against a Table Schema and made into polars expressions.

Three-valued: a test of a missing cell is unknown, as in SQL. Text is compared without regard to
case or outer blanks, so that a tag spelt ``Northern ireland`` does not slip through a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import polars as pl

from epc_release.anonymise.expression import (
    Among,
    Both,
    Column,
    Compare,
    Cutoff,
    Either,
    ExpressionError,
    Flag,
    Literal,
    Missing,
    Node,
    Not,
    Value,
)
from epc_release.schemas.table import Field, TableSchema

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
FAMILIES: Mapping[str, str] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true or false",
    "date": "date",
    "datetime": "time",
}


@dataclass(frozen=True)
class Compiler:
    """Makes the expressions of one table; ``cutoff`` is naive local time.

    ``missing_is_false`` reads a missing true-or-false cell as false; nothing else is assumed.
    """

    schema: TableSchema
    cutoff: datetime
    missing_is_false: bool = False

    def __call__(self, node: Node) -> pl.Expr:
        """A Boolean expression over conformed columns; null where the answer is unknown."""
        match node:
            case Flag(column):
                return self._flag(column)
            case Compare(operator, left, right):
                other = _family(left, self.schema), _family(right, self.schema)
                sides = self._value(left, other[1]), self._value(right, other[0])
                return OPERATORS[operator](*sides)  # type: ignore[no-any-return]
            case Among(column, values):
                return self._value(column).is_in([_plain(value.value) for value in values])
            case Missing(column):
                return pl.col(column.name).is_null()
            case Not(part):
                return ~self(part)
            case Both(parts):
                return reduce(and_, map(self, parts))
            case Either(parts):
                return reduce(or_, map(self, parts))

    def _value(self, value: Value, beside: str = "") -> pl.Expr:
        match value:
            case Column(name):
                kind = self.schema.by_name[name].type
                if kind == "boolean":
                    return self._flag(value)
                return (
                    folded(pl.col(name)) if FAMILIES.get(kind, "text") == "text" else pl.col(name)
                )
            case Cutoff():
                return pl.lit(self.cutoff.date() if beside == "date" else self.cutoff)
            case Literal(constant):
                return pl.lit(_plain(constant))

    def _flag(self, column: Column) -> pl.Expr:
        flag = pl.col(column.name)
        return flag.fill_null(False) if self.missing_is_false else flag


def folded(text: pl.Expr) -> pl.Expr:
    """Text (String or Categorical) as it is compared: lower case, no outer blanks."""
    return text.cast(pl.String).str.strip_chars().str.to_lowercase()


def _plain(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def check(node: Node, schema: TableSchema) -> None:
    """Raises ExpressionError if the expression does not fit the table."""
    match node:
        case Flag(column):
            if _family(column, schema) != "true or false":
                raise ExpressionError(column.position, "a comparison is expected after the column")
        case Compare(operator, left, right):
            _check_comparison(operator, left, right, schema)
        case Among(column, values):
            for value in values:
                _check_comparison("=", column, value, schema)
        case Missing(column):
            _field(column, schema)
        case Not(part):
            check(part, schema)
        case Both(parts) | Either(parts):
            for part in parts:
                check(part, schema)


def _check_comparison(operator: str, left: Value, right: Value, schema: TableSchema) -> None:
    kinds = _family(left, schema), _family(right, schema)
    if not isinstance(left, Column) and not isinstance(right, Column):
        raise ExpressionError(left.position, "one side of a comparison must be a column")
    if kinds[0] != kinds[1] and not ("cut-off" in kinds and {"date", "time"} & set(kinds)):
        raise ExpressionError(right.position, f"{kinds[0]} cannot be compared with {kinds[1]}")
    if operator not in ("=", "!=") and kinds[0] in ("text", "true or false"):
        raise ExpressionError(right.position, f"{kinds[0]} has no order: use = or !=")
    for column, literal in ((left, right), (right, left)):
        if isinstance(column, Column) and isinstance(literal, Literal):
            _check_known(_field(column, schema), literal)


def _check_known(field: Field, literal: Literal) -> None:
    known = field.constraints.get("enum")
    if known and _plain(literal.value) not in {_plain(value) for value in known}:
        raise ExpressionError(
            literal.position,
            f"column {field.name} never has this value: {', '.join(map(str, known))}",
        )


def _family(value: Value, schema: TableSchema) -> str:
    match value:
        case Column():
            return FAMILIES.get(_field(value, schema).type, "text")
        case Cutoff():
            return "cut-off"
        case Literal(constant):
            return _family_of(constant)


def _family_of(constant: object) -> str:
    if isinstance(constant, bool):
        return "true or false"
    if isinstance(constant, int | float):
        return "number"
    if isinstance(constant, date):
        return "time" if isinstance(constant, datetime) else "date"
    return "text"


def _field(column: Column, schema: TableSchema) -> Field:
    if column.name not in schema.by_name:
        raise ExpressionError(column.position, f"there is no column {column.name}")
    return schema.by_name[column.name]
