"""Measures of any table equal those counted row by row, however rows are ordered and cut up."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.risk import (
    Marginal,
    Summary,
    by_class,
    marginal,
    merge,
    sizes,
    summarise,
)
from epc_release.anonymise.risk import tabulate as tabulated

NAN = float("nan")
KINDS: dict[str, tuple[Any, list[Any]]] = {
    "text": (pl.String(), ["", "a", "b", "ab", "é"]),
    "whole": (pl.Int64(), [0, -1, 7, 2**63 - 1, -(2**63)]),
    "unsigned": (pl.UInt64(), [0, 1, 2**64 - 1]),
    "number": (pl.Float64(), [0.0, -0.0, 1.5, NAN, math.inf, -2.25]),
    "flag": (pl.Boolean(), [True, False]),
    "single": (pl.Float32(), [0.0, -0.0, 0.1, NAN]),
    "money": (pl.Decimal(10, 2), [Decimal("1.50"), Decimal("-2.25")]),
    "moment": (pl.Datetime("us", "Europe/London"), [datetime(2024, 1, 31), datetime(2020, 7, 1)]),
    "nothing": (pl.Null(), []),
    "day": (pl.Date(), [date(2024, 1, 31), date(1970, 1, 1)]),
    "category": (pl.Categorical(), ["x", "y", "z"]),
    "enum": (pl.Enum(["unused", "q", "p"]), ["p", "q"]),
}


@st.composite
def columns(draw: st.DrawFn, name: str, rows: int) -> pl.Series:
    """A column of any kind, of few values, with nulls."""
    kind, values = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    cells = draw(st.lists(st.sampled_from([*values, None]), min_size=rows, max_size=rows))
    return pl.Series(name, cells, dtype=kind)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Keys k0.., sensitive values s0.., a unit u."""
    rows = draw(st.integers(0, 30))
    names = [f"k{i}" for i in range(draw(st.integers(1, 3)))]
    names += [f"s{i}" for i in range(draw(st.integers(0, 2)))]
    return pl.DataFrame([draw(columns(name, rows)) for name in [*names, "u"]])


def roles(frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    return [n for n in frame.columns if n[0] == "k"], [n for n in frame.columns if n[0] == "s"]


def same(value: Any) -> Hashable:
    """A value such that Python holds alike what is alike."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else (value + 0.0, "number")
    return (value, type(value).__name__)


def oracle(frame: pl.DataFrame, k: int, unit: bool, ordered: list[str]) -> dict[str, Any]:
    """All measures, the slow way; a part of the definitions, one row at a time."""
    keys, sensitive = roles(frame)
    classes: dict[Hashable, list[dict[str, Any]]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        classes[tuple(same(row[n]) for n in keys)].append(row)
    sizes = [
        len({same(row["u"]) for row in rows}) if unit else len(rows) for rows in classes.values()
    ]
    found: dict[str, Any] = {
        "rows": frame.height,
        "classes": len(classes),
        "units": sum(sizes),
        "k": min(sizes, default=None),
        "k_rows": min(map(len, classes.values()), default=None),
        "uniques": sizes.count(1),
        "rows_below_k": sum(
            len(rows) for size, rows in zip(sizes, classes.values(), strict=True) if size < k
        ),
    }
    for name in sensitive:
        found[name] = _sensitive(frame, name, list(classes.values()), name in ordered)
    return found


def _sensitive(
    frame: pl.DataFrame, name: str, classes: list[list[dict[str, Any]]], ordered: bool
) -> dict[str, Any]:
    if not classes:
        names = ("l", "entropy_l", "alpha", "t", "beta", "enhanced_beta", "delta")
        return dict.fromkeys(names)
    in_order = [same(v) for v in _text(frame[name]).sort(nulls_last=True)]
    whole = Counter(in_order)
    worst: dict[str, list[float]] = defaultdict(list)
    for rows in classes:
        own = Counter(same(row[name]) for row in rows)
        shares = [n / len(rows) for n in own.values()]
        worst["l"].append(len(own))
        worst["entropy_l"].append(math.exp(-sum(p * math.log(p) for p in shares)))
        worst["alpha"].append(max(shares))
        gaps = [own[v] / len(rows) - whole[v] / frame.height for v in dict.fromkeys(in_order)]
        if ordered:
            moved = [abs(sum(gaps[: i + 1])) for i in range(len(gaps))]
            worst["t"].append(sum(moved) / max(1, len(gaps) - 1))
        else:
            worst["t"].append(sum(map(abs, gaps)) / 2)
        ratios = [own[v] / len(rows) / (whole[v] / frame.height) for v in own]
        worst["beta"].append(max(ratios) - 1)
        worst["delta"].append(max(abs(math.log(r)) for r in ratios))
    found = {m: (min if m in ("l", "entropy_l") else max)(v) for m, v in worst.items()}
    found["beta"] = max(0.0, found["beta"])
    rarest = min(whole.values()) / frame.height
    return {**found, "enhanced_beta": min(found["beta"], -math.log(rarest))}


def _text(series: pl.Series) -> pl.Series:
    return series.cast(pl.String) if series.dtype in (pl.Categorical, pl.Enum) else series


def check(ours: dict[str, Any], frame: pl.DataFrame, k: int, unit: bool, o: list[str]) -> None:
    expected = oracle(frame, k, unit, o)
    for name in roles(frame)[1]:
        assert ours["sensitive"][name] == pytest.approx(expected.pop(name), abs=1e-12)
    assert {name: ours[name] for name in expected} == expected


@given(table=tables(), k=st.integers(2, 6), unit=st.booleans(), ordered=st.booleans())
def test_the_same_as_counting_by_hand(
    table: pl.DataFrame, k: int, unit: bool, ordered: bool
) -> None:
    keys, sensitive = roles(table)
    cells = tabulated(table, keys, sensitive, "u" if unit else None)
    in_order = sensitive if ordered else []
    found = summarise(cells, marginal(cells), k=k, ordered=in_order)
    check(found.measures(), table, k, unit, in_order)
    assert sorted(sizes(table, keys)) == sorted(cells.rows)
    assert cells.of_row.tolist() == _numbered(table, keys, cells.of_row.tolist())


def _numbered(table: pl.DataFrame, keys: list[str], given: list[int]) -> list[int]:
    """The class of each row, called as the first row of its class is."""
    named: dict[Hashable, int] = {}
    rows = [tuple(same(v) for v in row) for row in table.select(keys).iter_rows()]
    for row, number in zip(rows, given, strict=True):
        named.setdefault(row, number)
    assert len(set(named.values())) == len(named)
    return [named[row] for row in rows]


@given(table=tables(), parts=st.integers(1, 4), seed=st.integers(0, 9), unit=st.booleans())
def test_any_split_of_classes_adds_up(
    table: pl.DataFrame, parts: int, seed: int, unit: bool
) -> None:
    keys, sensitive = roles(table)
    table = table.sample(fraction=1, shuffle=True, seed=seed)
    column = "u" if unit else None
    of_row = tabulated(table, keys).of_row
    split = [table.filter(pl.Series(of_row % parts == part)) for part in range(parts)]
    cells = [tabulated(part, keys, sensitive, column) for part in split]
    whole: dict[str, Marginal] = {}
    for each in cells:
        whole = merge(whole, marginal(each))
    found = Summary(3)
    for each in cells:
        found = found + summarise(each, whole, k=3, ordered=sensitive)
    check(found.measures(), table, 3, unit, sensitive)
    assert summarise(cells[0], whole, k=3) + Summary(3) == summarise(cells[0], whole, k=3)


@given(table=tables())
def test_the_worst_class_is_the_summary(table: pl.DataFrame) -> None:
    keys, sensitive = roles(table)
    cells = tabulated(table, keys, sensitive)
    each = by_class(cells, marginal(cells))
    found = summarise(cells, marginal(cells)).measures()
    assert each["units"].min() == found["k"]
    for name in sensitive:
        assert each[f"{name}.l"].min() == found["sensitive"][name]["l"]
        assert each[f"{name}.t"].max() == found["sensitive"][name]["t"]


@given(st.integers(2, 12), st.integers(1, 200))
def test_codes_that_do_not_fit_in_64_bits_are_exact(width: int, rows: int) -> None:
    """Each column has as many values as rows, and rows come in pairs."""
    column = [i * 2_654_435_761 % 2**32 for i in range(rows)] * 2
    frame = pl.DataFrame({f"k{i}": [c + i for c in column] for i in range(width)})
    found = tabulated(frame, frame.columns)
    assert found.rows.tolist() == [2] * rows
    assert found.of_row[:rows].tolist() == found.of_row[rows:].tolist()
