"""Integers and numbers: exact or a problem, never rounded in silence."""

from __future__ import annotations

import re

import polars as pl

from epc_release.schemas.table import Field
from epc_release.schemas.types.codes import problem_number

_WHOLE = r"^([+-]?[0-9]+)\.0*$"
_OUTER_SPACE = r"^[\s\x1c-\x1f]+|[\s\x1c-\x1f]+$"
_SURE_DIGITS = 15  # every decimal of 15 digits survives float64 (IEEE 754, DBL_DIG)


def read_integers(
    field: Field, text: pl.Series, *, exact: bool = False
) -> tuple[pl.Series, pl.Series]:
    """Int64 values and UInt8 problems.

    ``5.0`` and ``5.`` are 5 (spreadsheets write them), unless ``exact``; any other fraction, and
    what does not fit into 64 bits, is ``type-integer``.
    """
    bare = _bare(field, text, exact)
    values = bare.cast(pl.Int64, strict=False)
    unread = values.is_null() & bare.is_not_null()
    if not exact and unread.any():
        whole = bare.str.extract(_WHOLE).cast(pl.Int64, strict=False)
        values = whole.zip_with(unread, values)
    return values, _problems(text, values, "type-integer")


def read_numbers(
    field: Field, text: pl.Series, *, exact: bool = False
) -> tuple[pl.Series, pl.Series]:
    """Float64 values and UInt8 problems; minus zero is zero.

    NaN, infinity and what float64 cannot hold are ``type-number``. A number with more digits than
    float64 keeps (the shortest text of the value differs) is ``number-precision``, unless
    ``exact``: it is a number by the standard, and the nearest float64 stands for it.
    """
    bare = _bare(field, text, exact)
    parsed = bare.cast(pl.Float64, strict=False)
    values = parsed.set(~parsed.is_finite(), None).set(parsed == 0, 0.0)
    problems = _problems(text, values, "type-number")
    if exact:
        return values, problems
    doubtful = (bare.str.len_bytes() > _SURE_DIGITS) | bare.str.contains("[eE]")
    at = (doubtful & values.is_not_null()).arg_true()
    if at.len():
        cut = _digits(bare.gather(at)) != _digits(values.gather(at).cast(pl.String))
        lost = at.filter(cut)
        problems = problems.scatter(lost, problem_number("number-precision"))
        values = values.scatter(lost, None)
    return values, problems


def _problems(text: pl.Series, values: pl.Series, code: str) -> pl.Series:
    wrong = text.is_not_null() & values.is_null()
    return wrong.cast(pl.UInt8) * problem_number(code)


def _digits(text: pl.Series) -> pl.Series:
    """The significant digits alone; they decide, since the float is the nearest to the text."""
    mantissa = text.str.replace("[eE].*$", "").str.replace_all("[^0-9]", "")
    return mantissa.str.strip_chars_start("0").str.strip_chars_end("0")


def _bare(field: Field, text: pl.Series, exact: bool) -> pl.Series:
    """The number in plain ASCII form; null where group or decimal characters are misplaced.

    White space around it is no part of it (XML Schema, whiteSpace); other text has none by now,
    and no white space but the plain space.
    """
    descriptor = field.descriptor
    point = str(descriptor.get("decimalChar", "."))
    group = str(descriptor.get("groupChar") or "")
    if exact:
        text = text.str.replace_all(_OUTER_SPACE, "")
    elif group.isspace():
        group = " "
    if not descriptor.get("bareNumber", True):
        text = text.str.replace(rf"^[^-+\d{re.escape(point)}]+", "").str.replace(r"\D+$", "")
    if group:
        text = _ungroup(text, re.escape(group), re.escape(point))
    if point != ".":
        foreign = text.str.contains(".", literal=True)
        text = text.set(foreign, None).str.replace_all(point, ".", literal=True)
    return text


def _ungroup(text: pl.Series, group: str, point: str) -> pl.Series:
    """Without group characters; they stand between digits and before the decimal character."""
    astray = text.str.contains(f"(?:^|[^0-9]){group}|{group}(?:[^0-9]|$)|{point}.*{group}")
    return text.set(astray, None).str.replace_all(group, "")
