"""What is not compiled is asked of frictionless, for that column alone and once for each text.

frictionless is no dependency of a plain installation: it is imported where a schema needs it, and
E135 names the extra to install where it is absent.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any, Final

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.table import Field

# Two days that have no part in common: a text that leaves parts out is read differently with each.
_DAYS: Final = (datetime(2000, 1, 1), datetime(2013, 12, 31))  # noqa: DTZ001


def needed(module: str, package: str, field: Field, what: str) -> ModuleType:
    """The module of an optional package; E135 where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ReleaseError("E135", field=field.name, what=what, package=package) from error


def read_elsewhere(field: Field, text: pl.Series) -> list[Any]:
    """The values that frictionless reads, None for those it refuses; constraints are left out."""
    frictionless = needed("frictionless", "frictionless", field, f"{field.type}/{field.format}")
    kept = {
        key: field.descriptor[key] for key in ("name", "type", "format") if key in field.descriptor
    }
    theirs = frictionless.Field.from_descriptor({**kept, "missingValues": []})
    read: Callable[[str], Any] = theirs.create_value_reader()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dateutil warns of zones that it does not know
        return [None if value is None else read(value) for value in text]


def accepts_elsewhere(field: Field, text: pl.Series) -> pl.Series:
    """Boolean: which texts frictionless reads; False for null."""
    values = [value is not None for value in read_elsewhere(field, text)]
    return pl.Series(text.name, values, dtype=pl.Boolean)


def read_any_moments(field: Field, text: pl.Series) -> list[Any]:
    """Dates, datetimes or times of ``format: any`` as dateutil reads them, on whatever day.

    dateutil fills the parts that a text leaves out from the current day; such a text is refused,
    so that the same data always has the same values. A time needs no day.
    """
    values = read_elsewhere(field, text)
    if field.type == "time":
        return values
    parse = importlib.import_module("dateutil.parser").parse
    return [
        value if value is not None and _same_on_any_day(parse, one) else None
        for value, one in zip(values, text, strict=True)
    ]


def _same_on_any_day(parse: Callable[..., Any], text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            first, second = (parse(text, default=day) for day in _DAYS)
        except (ValueError, OverflowError):
            return False
    return bool(first == second)
