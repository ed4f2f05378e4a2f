"""Headers are recognised as a whole or refused by name."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register
from epc_release.schemas.register import TableDialect

EPC = load_register("epc")


def dialect(name: str, table: str) -> TableDialect:
    return next(d for d in EPC.dialects if (d.dialect, d.table) == (name, table))


def header_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def refused(header: list[str], file: str = "a.csv", table: str | None = None) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        match_header(header, EPC, file=file, table=table)
    assert caught.value.exit == 2
    assert file in str(caught.value)
    return caught.value


CURRENT = [*dialect("current", "domestic-certificates").header]
LEGACY = [*dialect("legacy", "domestic-certificates").header]
RECOMMENDATIONS = [*dialect("current", "display-recommendations").header]


def test_the_real_legacy_file(shared_data: Path) -> None:
    header = header_of(shared_data / "epc/domestic-legacy-middlesbrough.csv")
    match = match_header(header, EPC, file="middlesbrough.csv")
    assert (match.dialect.dialect, match.dialect.table) == ("legacy", "domestic-certificates")
    assert match.columns[0] == "certificate_number"
    taken = [name for name in match.columns if name]
    assert len(taken) == len({*taken}) == 91
    left = [name for name, ours in zip(header, match.columns, strict=True) if ours is None]
    assert left == ["BUILDING_REFERENCE_NUMBER", "COUNTY"]


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("register-api/commercial.csv", "non-domestic-certificates"),
        ("register-api/commercial_rr.csv", "non-domestic-recommendations"),
        ("register-api/dec_rr.csv", "display-recommendations"),
        ("register-api/domestic_rr.csv", "domestic-recommendations"),
        ("register-api/ni_commercial.csv", "non-domestic-certificates"),
        ("data-warehouse/commercial.csv", "non-domestic-certificates"),
        ("data-warehouse/domestic_rr.csv", "domestic-recommendations"),
    ],
)
def test_official_fixtures_recognised(shared_data: Path, file: str, table: str) -> None:
    header = header_of(shared_data / "epc/official-fixtures" / file)
    match = match_header(header, EPC, file=file)
    assert (match.dialect.dialect, match.dialect.table) == ("feed", table)
    assert "certificate_number" in match.columns


def test_the_northern_irish_fixture_has_no_country(shared_data: Path) -> None:
    header = header_of(shared_data / "epc/official-fixtures/register-api/ni_commercial.csv")
    match = match_header(header, EPC, file="ni_commercial.csv")
    assert "country" not in match.columns
    assert "country" not in match.dialect.screened_upstream


DOMESTIC_TWICE = (
    "FLOOR_DESCRIPTION, HOT_WATER_COST_CURRENT, MAINHEATC_ENERGY_EFF, MAINHEATC_ENV_EFF"
)


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("register-api/domestic.csv", DOMESTIC_TWICE),
        ("register-api/domestic_remove_line_break.csv", DOMESTIC_TWICE),
        ("register-api/ni_domestic.csv", DOMESTIC_TWICE),
        ("data-warehouse/domestic.csv", DOMESTIC_TWICE),
        ("register-api/dec.csv", "HEATING_CO2, RENEWABLES_CO2"),
        ("data-warehouse/dec.csv", "HEATING_CO2, RENEWABLES_CO2, OCCUPANCY_LEVEL"),
    ],
)
def test_official_fixtures_with_a_column_twice(shared_data: Path, file: str, columns: str) -> None:
    error = refused(header_of(shared_data / "epc/official-fixtures" / file), file)
    assert error.problem.code == "E122"
    assert str(error).endswith(f"more than once: {columns}.")


@pytest.mark.parametrize(
    "file",
    [
        "epc/official-fixtures/data-warehouse/look_up_data.csv",
        "epc/official-fixtures/data-warehouse/ons_postcode_directory.csv",
        "epc/official-fixtures/data-warehouse/ons_postcode_directory_names.csv",
        "epc/domestic_data_dictionary.csv",
        "price-paid/ppd_data.csv",
    ],
)
def test_files_of_something_else(shared_data: Path, file: str) -> None:
    assert refused(header_of(shared_data / file)).problem.code == "E125"


def test_every_dialect_recognises_its_usual_header() -> None:
    for one in EPC.dialects:
        match = match_header(one.header, EPC, file="a.csv", table=one.table)
        if one.dialect == "current" and one.table.endswith("recommendations"):
            assert match.dialect.dialect == "register"  # same columns, claims less
        else:
            assert match.dialect == one


def test_legacy_files_of_other_years() -> None:
    without = [name for name in LEGACY if name != "REPORT_TYPE"]
    assert len(without) == 92
    assert match_header(without, EPC, file="a.csv").dialect.dialect == "legacy"
    oldest = [*LEGACY[: LEGACY.index("POSTTOWN")], "CERTIFICATE_HASH"]
    oldest[oldest.index("HEAT_LOSS_CORRIDOR")] = "HEAT_LOSS_CORRIDOOR"
    match = match_header(oldest, EPC, file="a.csv")
    assert match.columns[oldest.index("HEAT_LOSS_CORRIDOOR")] == "heat_loss_corridor"
    assert match.columns[-1] is None


def test_a_byte_order_mark_blanks_and_case_do_not_matter() -> None:
    header = [f"\ufeff{CURRENT[0].upper()}", *(f" {name} " for name in CURRENT[1:])]
    assert match_header(header, EPC, file="a.csv").columns == tuple(CURRENT)


@pytest.mark.parametrize(
    ("file", "hint", "table"),
    [
        ("display-recommendations.csv", None, "display-recommendations"),
        ("non-domestic-recommendations.csv", None, "non-domestic-recommendations"),
        ("dec_rr.csv", None, "display-recommendations"),
        ("commercial_rr.csv", None, "non-domestic-recommendations"),
        ("in/display-E06000001-Hartlepool/recommendations.csv", None, "display-recommendations"),
        ("all-non-domestic.zip", "recommendations-2024.csv", "non-domestic-recommendations"),
        ("all.zip", "display/recommendations.csv", "display-recommendations"),
        ("all.zip:display/recommendations.csv", None, "display-recommendations"),
        ("C:\\display\\recommendations.csv", None, "display-recommendations"),
        # the nearest name decides
        ("display/non-domestic-recommendations.csv", None, "non-domestic-recommendations"),
    ],
)
def test_names_tell_tables_of_the_same_columns(file: str, hint: str | None, table: str) -> None:
    match = match_header(RECOMMENDATIONS, EPC, file=file, name_hint=hint)
    assert match.dialect.table == table


@pytest.mark.parametrize("file", ["recommendations.csv", "display/a/b/c/recommendations.csv"])
def test_names_that_do_not_tell(file: str) -> None:
    error = refused(RECOMMENDATIONS, file)
    assert error.problem.code == "E126"
    assert "display-recommendations and non-domestic-recommendations" in str(error)
    match = match_header(RECOMMENDATIONS, EPC, file=file, table="display-recommendations")
    assert match.dialect.table == "display-recommendations"


def test_a_forced_table_is_still_recognised_by_its_columns() -> None:
    assert refused(CURRENT, table="display-recommendations").problem.code == "E125"
    error = refused(CURRENT, table="domestic")
    assert error.problem.code == "E127"
    assert "domestic-certificates, " in str(error)


def test_an_unknown_column_is_named_with_the_likely_spelling() -> None:
    header = ["built_from" if name == "built_form" else name for name in CURRENT]
    error = refused([*header, "shoe_size"])
    assert error.problem.code == "E123"
    assert "unknown columns: built_from (perhaps built_form), shoe_size; missing" in str(error)
    assert "domestic-certificates in dialect current" in str(error)


def test_a_missing_column_is_named_as_the_dialect_spells_it() -> None:
    error = refused([name for name in LEGACY if name not in ("LMK_KEY", "TENURE", "POSTCODE")])
    assert error.problem.code == "E124"
    assert "missing columns: LMK_KEY, POSTCODE. It was read as" in str(error)


def test_many_columns_are_counted() -> None:
    header = [*CURRENT, *(f"more_{number}" for number in range(20))]
    assert "more_0, more_1, more_2, more_3, more_4, more_5, more_6, more_7 and 12 more" in str(
        refused(header)
    )


def test_two_spellings_of_one_column() -> None:
    error = refused([*LEGACY, "HEAT_LOSS_CORRIDOOR"])
    assert error.problem.code == "E122"
    assert "spellings of the same column: HEAT_LOSS_CORRIDOR, HEAT_LOSS_CORRIDOOR" in str(error)


def test_upper_and_lower_case_of_one_name_are_a_copy() -> None:
    error = refused([*CURRENT, "POSTCODE"])
    assert error.problem.code == "E122"


def test_a_column_without_name() -> None:
    error = refused([*CURRENT, " "])
    assert error.problem.code == "E129"
    assert "column 94" in str(error)


@pytest.mark.parametrize("header", [[], [""], ["1 Some Street", "TS1 1AA", "Good", "Good", ""]])
def test_a_first_record_is_never_told(header: list[str]) -> None:
    error = refused(header)
    assert error.problem.code == "E125"
    assert not any(cell and cell in str(error) for cell in header)


def test_names_are_shown_safely() -> None:
    error = refused([*CURRENT, "a\x1b[31mb\n", "x" * 500])
    assert "a?[31mb" in str(error)
    assert "x" * 61 not in str(error)
