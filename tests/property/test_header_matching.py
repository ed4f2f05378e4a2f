"""Whatever the order, case and blanks of a header: the same table, the same columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.errors import ReleaseError
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register
from epc_release.schemas.register import TableDialect

EPC = load_register("epc")
DIALECTS = st.sampled_from(EPC.dialects)


def wanted(dialect: TableDialect, header: list[str]) -> tuple[str | None, ...]:
    return tuple(dialect.columns.get(name) for name in header)


@given(DIALECTS, st.data())
def test_order_case_and_blanks_do_not_matter(dialect: TableDialect, data: st.DataObject) -> None:
    header = data.draw(st.permutations(dialect.header))
    case = data.draw(st.sampled_from([str.upper, str.lower, str.title]))
    blank = data.draw(st.sampled_from(["", " ", "\t"]))
    written = [f"{blank}{case(name)}" for name in header]
    written[0] = data.draw(st.sampled_from(["", "\ufeff"])) + written[0]
    match = match_header(written, EPC, file="a.csv", table=dialect.table)
    assert match.dialect.table == dialect.table
    assert match.columns == wanted(dialect, header)
    assert match == match_header(written, EPC, file="a.csv", table=dialect.table)


@given(DIALECTS, st.data())
def test_optional_and_input_only_columns_may_be_absent(
    dialect: TableDialect, data: st.DataObject
) -> None:
    spare = [
        name
        for name in dialect.header
        if name in dialect.input_only or dialect.columns[name] in dialect.optional
    ]
    left = data.draw(st.sets(st.sampled_from(spare))) if spare else set()
    header = [name for name in dialect.header if name not in left]
    match = match_header(header, EPC, file="a.csv", table=dialect.table)
    assert match.columns == wanted(dialect, header)


@given(DIALECTS, st.data())
def test_any_needed_column_left_out_is_refused(dialect: TableDialect, data: st.DataObject) -> None:
    needed = [
        name
        for name in dialect.header
        if name not in dialect.input_only and dialect.columns[name] not in dialect.optional
    ]
    left = data.draw(st.sampled_from(needed))
    header = [name for name in dialect.header if name != left]
    alone = replace(EPC, dialects=(dialect,))  # it may be a whole header of another dialect
    with pytest.raises(ReleaseError) as caught:
        match_header(header, alone, file="a.csv")
    assert caught.value.problem.code == "E124"


@given(DIALECTS, st.data())
def test_any_column_twice_is_refused(dialect: TableDialect, data: st.DataObject) -> None:
    copied = data.draw(st.sampled_from(dialect.header))
    place = data.draw(st.integers(0, len(dialect.header)))
    header = [*dialect.header[:place], copied.lower(), *dialect.header[place:]]
    with pytest.raises(ReleaseError) as caught:
        match_header(header, EPC, file="a.csv", table=dialect.table)
    assert caught.value.problem.code == "E122"
    assert copied.lower() in str(caught.value).lower()


@given(DIALECTS, st.text(min_size=1).filter(lambda name: name.strip("\ufeff \t\r\n\u00a0")))
def test_any_unknown_column_is_refused(dialect: TableDialect, name: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        match_header([*dialect.header, f"{name}?"], EPC, file="a.csv", table=dialect.table)
    assert caught.value.problem.code == "E123"


@given(st.lists(st.text(max_size=12), max_size=120))
def test_anything_at_all_is_recognised_or_refused(header: list[str]) -> None:
    with pytest.raises(ReleaseError) as caught:
        match_header(header, EPC, file="a.csv")
    assert caught.value.exit == 2
