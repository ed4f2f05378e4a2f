"""Lists (v2): items between delimiters, each read as its type in the default form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from epc_release.schemas.table import Field

ITEM_TYPES: Final = ("string", "integer", "boolean", "number", "datetime", "date", "time")


def item_field(field: Field) -> Field:
    """The field that an item of a list is a value of."""
    type_ = field.descriptor.get("itemType", "string")
    return Field({"name": field.name, "type": type_})


def read_lists(
    field: Field, text: pl.Series, wrong_items: Callable[[Field, pl.Series], pl.Series]
) -> pl.Series:
    """The text itself; null where an item is wrong. An empty text is one empty item."""
    item = item_field(field)
    if item.type == "string":
        return text
    rows = text.to_frame("text").with_row_index("row").drop_nulls("text")
    delimiter = str(field.descriptor.get("delimiter", ","))
    items = rows.with_columns(pl.col("text").str.split(delimiter)).explode("text")
    bad = items.filter(wrong_items(item, items["text"]))["row"]
    return text.set(
        pl.int_range(text.len(), dtype=pl.UInt32, eager=True).is_in(bad.implode()), None
    )
