"""Warnings that need two cells of a record: what stands before that it should follow."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from epc_release.release.conform.cells import ISSUES
from epc_release.release.conform.codes import OUT_OF_ORDER
from epc_release.schemas.table import TableSchema


def order_issues(frame: pl.DataFrame, schema: TableSchema, told: Collection[str]) -> pl.DataFrame:
    """Records whose cells descend although the schema's ``order`` says that they do not.

    ``frame`` has one row per record, typed. The issue (row UInt32, column UInt16, code UInt16) is
    that of the later column of a pair; a missing cell is in no order. Only pairs are looked at of
    which both columns are in ``told``.
    """
    found = [pl.DataFrame(schema=ISSUES)]
    for first, second in schema.order:
        if first in told and second in told and {first, second} <= {*frame.columns}:
            rows = frame.select(pl.col(second) < pl.col(first)).to_series().fill_null(False)
            position = schema.names.index(second)
            issues = {"__row": rows.arg_true(), "__column": position, "__code": OUT_OF_ORDER}
            found.append(pl.DataFrame(issues, schema=ISSUES))
    return pl.concat(found)
