"""An example of what a rule does: a value made up from the column's schema, never from data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import polars as pl

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.rules import Rule
from epc_release.anonymise.rules.base import NUMERIC, CellRule
from epc_release.anonymise.rules.generalise import Generalise
from epc_release.anonymise.rules.numbers import Bin, BottomCode, Round, TopCode
from epc_release.anonymise.rules.plain import KeepKnown
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.anonymise.screen import DTYPES
from epc_release.schemas.table import Field

# A key that everybody knows, for examples only.
EXAMPLE_KEY = sha256(b"an example of a pseudonym").digest()
MADE_UP: dict[str, str] = {"certificate": "0000-1111-2222-3333-4444", "uprn": "100000000001"}
TEXTS = ("ZZ99 9ZZ", "E06000001", "A1", "100", "some text")


def example(field: Field, rule: Rule) -> tuple[str, str] | None:
    """A made-up value and what is published of it; None where a value that says something cannot
    be made up, or nothing is published."""
    dtype = DTYPES.get(field.type, pl.String())
    for value in _made_up(field, rule):
        cells = pl.Series(field.name, [value], dtype=dtype)
        match rule:
            case Pseudonymise():
                made = rule.apply(cells, Keyring(EXAMPLE_KEY))
            case CellRule():
                made = rule.apply(cells)
            case _:
                return None
        if (told := made.cast(pl.String)[0]) is not None:
            return str(cells.cast(pl.String)[0]), str(told)
    return None


def _made_up(field: Field, rule: Rule) -> Iterator[Any]:
    match rule:
        case Bin(edges=edges) if len(edges) > 1:
            middle = len(edges) // 2
            yield edges[middle - 1] + (edges[middle] - edges[middle - 1]) // 3
        case Round(to=to, bottom=bottom) if isinstance(to, int) and to > 1:
            yield max(bottom or 0, 0) + 3 * to + to // 3
        case Round(to=to, bottom=bottom):
            yield max(bottom or 0, 0) + (3 if to == 1 else round(3 * to + to / 3, 2))
        case TopCode(top=limit) | BottomCode(bottom=limit) if limit is not None:
            yield limit + (1 if isinstance(rule, TopCode) else -1)
        case Generalise(hierarchy=hierarchy) if hierarchy:
            changed = (fine for fine, coarse in hierarchy.coarser.items() if fine != coarse)
            yield from (*changed, *hierarchy.coarser)
        case KeepKnown(values=values):
            yield values[0]
    yield from _of_type(field)


def _of_type(field: Field) -> Iterator[Any]:
    if field.type == "boolean":
        yield True
    elif field.type == "date":
        yield date(2019, 5, 17)
    elif field.type == "datetime":
        yield datetime(2019, 5, 17, 14, 3, 27)  # noqa: DTZ001  (local time, as data is)
    elif field.type in NUMERIC:
        low, high = field.constraints.get("minimum", 0), field.constraints.get("maximum", 100)
        yield low + (high - low) // 3
    else:
        yield from field.constraints.get("enum", ())
        kind, form = field.descriptor.get("kind", ""), field.constraints.get("pattern", "")
        yield from (
            text for text in (MADE_UP.get(kind, ""), *TEXTS) if text and re.search(form, text)
        )
