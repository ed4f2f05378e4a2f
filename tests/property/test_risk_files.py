"""Measures of files equal those of the same table in memory, whatever files, formats and memory."""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epc_release.anonymise.risk import marginal, summarise, tabulate
from epc_release.errors import ReleaseError
from epc_release.release.progress import Silent
from epc_release.release.risk import Request, batches, held, measure, run

TEXTS = ["a", "b", "a,b", 'say "c"', "é", "line\nbreak", "0", "00"]
HUGE = [0, 1, -(2**63), 2**63 - 1, -5]
TYPED: dict[str, tuple[Any, list[Any]]] = {
    "text": (pl.String(), ["", *TEXTS]),
    "whole": (pl.Int64(), HUGE),
    "small": (pl.Int16(), [0, 1, 2]),
    "unsigned": (pl.UInt64(), [0, 7, 2**64 - 1]),
    "number": (pl.Float64(), [0.0, -0.0, 2.5, math.nan, -math.inf]),
    "flag": (pl.Boolean(), [True, False]),
    "category": (pl.Categorical(), ["x", "y"]),
    "bytes": (pl.Binary(), [b"\xff\x00", b"a"]),
    "nothing": (pl.Null(), []),
}
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@st.composite
def column(draw: st.DrawFn, name: str, rows: int, kinds: list[str]) -> pl.Series:
    kind, values = TYPED[draw(st.sampled_from(kinds))]
    cells = draw(st.lists(st.sampled_from([*values, None]), min_size=rows, max_size=rows))
    return pl.Series(name, cells, dtype=kind)


@st.composite
def tables(draw: st.DrawFn, kinds: list[str]) -> pl.DataFrame:
    """Columns k0, k1, s and u, of few values."""
    rows = draw(st.integers(0, 40))
    plain = [kind for kind in kinds if kind != "bytes"]
    names = {"k0": kinds, "k1": kinds, "s": plain, "u": kinds}
    return pl.DataFrame([draw(column(name, rows, kind)) for name, kind in names.items()])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little of everything that a few rows are many."""
    monkeypatch.setattr(batches, "ROWS", 4)
    monkeypatch.setattr(batches, "CHUNK", 64)
    monkeypatch.setattr(held, "_PIECE", 8)
    monkeypatch.setattr(run, "BASE", 1 << 40)
    monkeypatch.setattr(run, "LEAST", 400)  # bytes: of four to twenty rows
    monkeypatch.setattr(run, "VALUE", 1)


def expected(frame: pl.DataFrame, request: Request, ordered: list[str]) -> dict[str, Any]:
    cells = tabulate(frame, request.keys, request.sensitive, request.unit)
    found = summarise(cells, marginal(cells), k=request.k, ordered=ordered).measures()
    return plain(found)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Without nested parts, which pytest cannot compare nearly."""
    flat = {name: value for name, value in found.items() if not isinstance(value, list | dict)}
    for each in found["sizes"]:
        flat |= {f"{each['size']} {n}": each[n] for n in ("classes", "rows", "units")}
    return flat


def measured(request: Request) -> dict[str, Any]:
    found = measure(request, Silent()).as_dict()
    own = {"keys", "unit", "partition", "ordered", "files", "worst_partition"}
    return plain({name: value for name, value in found.items() if name not in own})


def write_parquet(folder: Path, frame: pl.DataFrame, cuts: list[int]) -> tuple[str, ...]:
    """One file a piece, row groups of three rows."""
    paths = []
    for number, piece in enumerate(pieces(frame, cuts)):
        path = folder / f"{number}.parquet"
        pq.write_table(piece.to_arrow(compat_level=pl.CompatLevel.oldest()), path, row_group_size=3)
        paths.append(str(path))
    return tuple(paths)


def write_csv(folder: Path, frame: pl.DataFrame, cuts: list[int]) -> tuple[str, ...]:
    paths = []
    for number, piece in enumerate(pieces(frame, cuts)):
        path = folder / f"{number}.csv"
        text = io.BytesIO()
        piece.write_csv(text, null_value="", quote_style="always")
        path.write_bytes(text.getvalue())
        paths.append(str(path))
    return tuple(paths)


def pieces(frame: pl.DataFrame, cuts: list[int]) -> Iterator[pl.DataFrame]:
    ends = sorted({min(cut, frame.height) for cut in cuts} | {0, frame.height})
    bounds = pairwise(ends) if frame.height else [(0, 0)]
    for start, end in bounds:
        yield frame[start:end]


def is_number(frame: pl.DataFrame) -> bool:
    return frame["s"].dtype.is_numeric() and frame["s"].is_not_null().any()


@pytest.mark.usefixtures("small")
@settings(suppress_health_check=SLOW, max_examples=60)
@given(
    table=tables(sorted(TYPED)),
    cuts=st.lists(st.integers(1, 40), max_size=2),
    unit=st.sampled_from([None, "u", "k0"]),
    k=st.integers(1, 6),
)
def test_parquet(table: pl.DataFrame, cuts: list[int], unit: str | None, k: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = write_parquet(Path(name), table, cuts)
        request = Request(paths, ("k0", "k1"), ("s",), unit=unit, k=k, memory=1)
        ordered = ["s"] if is_number(table) else []
        assert measured(request) == pytest.approx(expected(table, request, ordered), abs=1e-12)
        assert list(Path(name).glob("*bucket*")) == []


@pytest.mark.usefixtures("small")
@settings(suppress_health_check=SLOW, max_examples=60)
@given(
    table=tables(["text"]),
    cuts=st.lists(st.integers(1, 40), max_size=2),
    unit=st.sampled_from([None, "u"]),
)
def test_csv(table: pl.DataFrame, cuts: list[int], unit: str | None) -> None:
    table = table.select(pl.when(pl.all() != "").then(pl.all()))
    with tempfile.TemporaryDirectory() as name:
        paths = write_csv(Path(name), table, cuts)
        request = Request(paths, ("k0", "k1"), ("s",), unit=unit, memory=1)
        texts = set(table["s"].drop_nulls())
        if texts <= {"0", "00"} and texts:  # nothing but numbers, of which these are the same
            table = table.with_columns(pl.col("s").cast(pl.Int64))
        ordered = ["s"] if is_number(table) else []
        assert measured(request) == pytest.approx(expected(table, request, ordered), abs=1e-12)


@pytest.mark.usefixtures("small")
@settings(suppress_health_check=SLOW, max_examples=60)
@given(table=tables(sorted(TYPED)), unit=st.sampled_from([None, "u"]))
def test_values_too_many_to_remember_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, table: pl.DataFrame, unit: str | None
) -> None:
    with monkeypatch.context() as patch, tempfile.TemporaryDirectory() as name:
        patch.setattr(run, "VALUE", 10**6)  # none is remembered
        request = Request(write_parquet(Path(name), table, []), ("k0", "k1"), unit=unit, memory=1)
        assert measured(request) == expected(table, request, [])


@settings(suppress_health_check=SLOW, max_examples=40)
@given(table=tables([kind for kind in sorted(TYPED) if kind != "nothing"]))
def test_all_columns_together(table: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = write_parquet(Path(name), table, [5])
        whole = Request(paths, ("k0", "k1", "s", "u"))
        assert measured(Request(paths, ())) == expected(table, whole, [])


@pytest.mark.usefixtures("small")
def test_parts_of_one_column_with_other_types_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["1", "2"]}), tmp_path / "2.parquet")
    with pytest.raises(ReleaseError, match=r"E272: a is a whole number in .* and a text in"):
        measure(Request((str(tmp_path),), ("a",)), Silent())
