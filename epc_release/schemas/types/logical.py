"""Values that are kept as their text: what the text stands for, so that it can be compared.

Objects, arrays, lists, points, GeoJSON and durations have no column type of their own that every
reader of Parquet and CSV shares. Their text is checked and kept; constraints look at its value.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from epc_release.schemas.table import Field
from epc_release.schemas.types.documents import frozen, read_document, read_point
from epc_release.schemas.types.durations import duration

KEPT_AS_TEXT: Final = frozenset({"object", "array", "geojson", "geopoint", "list", "duration"})

_JSON: Final = frozenset({"object", "array", "geojson"})


@dataclass(frozen=True)
class Logical:
    """How a field of a type in ``KEPT_AS_TEXT`` writes its values."""

    type: str
    format: str = "default"
    delimiter: str = ","
    item_type: str = "string"

    @classmethod
    def of(cls, field: Field) -> Logical | None:
        """None for a field whose column holds the values themselves."""
        if field.type not in KEPT_AS_TEXT:
            return None
        delimiter = str(field.descriptor.get("delimiter", ","))
        item_type = str(field.descriptor.get("itemType", "string"))
        return cls(field.type, field.format, delimiter, item_type)

    def value(self, text: str) -> Any:
        """The JSON value, pair of degrees, tuple of texts or duration; None where it is none."""
        if self.type in _JSON:
            return read_document(self.type, text)
        if self.type == "geopoint":
            return read_point(self.format, text)
        return duration(text) if self.type == "duration" else tuple(text.split(self.delimiter))

    def same(self, value: Any) -> Hashable:
        """A value that is equal to another's if the values are."""
        return frozen(value) if self.type in _JSON else (self.type, value)

    def violations(self, text: pl.Series, broken: Callable[[Any], bool]) -> pl.Series:
        """Boolean, as long as ``text``: where there is a value and it is ``broken``.

        Each distinct text is read once.
        """
        values = ((one, self.value(one)) for one in text.unique().drop_nulls())
        wrong = [one for one, value in values if value is not None and broken(value)]
        return text.is_in(wrong).fill_null(False)
