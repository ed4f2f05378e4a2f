"""A draft names every column once, loads as it is, and reads its files when it is decided."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.dialect import Draft, draft, inspect
from epc_release.schemas.extra import with_dialects
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

Write = Callable[..., Path]
HEADER = (
    *("LMK_KEY", "IMPROVEMENT_ITEM", "IMPROVEMENT_SUMMARY_TEXT", "IMPROVEMENT_DESCR_TEXT"),
    *("IMPROVEMENT_ID", "IMPROVEMENT_ID_TEXT", "INDICATIVE_COST"),
)
TABLE = "domestic-recommendations"


def drafted(
    register: Register, *paths: Path, table: str | None = None, name: str = "mine"
) -> Draft:
    return draft(inspect([str(path) for path in paths], register, table=table), register, name)


def loaded(register: Register, made: Draft, tmp_path: Path) -> Register:
    file = tmp_path / "mine.toml"
    file.write_text(made.text, encoding="utf-8")
    return with_dialects(register, [file])


def legacy(register: Register, table: str) -> Sequence[str]:
    return next(d.header for d in register.dialects if (d.dialect, d.table) == ("legacy", table))


def test_a_draft_without_questions_reads_its_files(
    register: Register, write: Write, tmp_path: Path
) -> None:
    header = ["Lmk Key", *HEADER[1:]]
    made = drafted(register, write("x.csv", header))
    assert (made.mapped, made.left, made.undecided) == (6, 1, 0)
    assert made.tables == (TABLE,)
    match = match_header(header, loaded(register, made, tmp_path), file="x.csv")
    assert (match.dialect.dialect, match.dialect.given != "") == ("mine", True)
    assert match.columns == (
        *("certificate_number", "improvement_item", "improvement_summary_text"),
        *("improvement_descr_text", "improvement_id", None, "indicative_cost"),
    )


def test_an_undecided_column_stops_a_build_until_it_is_decided(
    register: Register, write: Write, tmp_path: Path
) -> None:
    header = [*HEADER[:-1], "Money"]
    made = drafted(register, write("x.csv", header))
    with pytest.raises(ReleaseError) as caught:
        match_header(header, loaded(register, made, tmp_path), file="x.csv")
    assert caught.value.problem.code == "E123"
    (line,) = [text for text in made.text.splitlines() if '"Money"' in text]
    assert line.startswith('# OUR_NAME = ["Money"]  # DECIDE column 7: like none of ours')
    decided = made.text.replace("# OUR_NAME", "indicative_cost")
    known = loaded(register, Draft(decided, (), 0, 0, 0), tmp_path)
    assert match_header(header, known, file="x.csv").columns[-1] == "indicative_cost"
    absent = made.text.replace('# "indicative_cost"', '"indicative_cost"').replace(
        "input_only = [", 'input_only = [\n  "Money",'
    )
    known = loaded(register, Draft(absent, (), 0, 0, 0), tmp_path)
    assert match_header(header, known, file="x.csv").columns[-1] is None


def test_what_the_nearest_dialect_says_of_values_is_carried_over(
    register: Register, write: Write, tmp_path: Path
) -> None:
    header = ["Key" if n == "LMK_KEY" else n for n in legacy(register, "domestic-certificates")]
    made = drafted(register, write("x.csv", header))
    nearest = next(
        d for d in register.dialects if (d.dialect, d.table) == ("legacy", "domestic-certificates")
    )
    (own,) = [d for d in loaded(register, made, tmp_path).dialects if d.given]
    assert own.rewrites["uprn"] == nearest.rewrites["uprn"]
    assert own.screened_upstream == ()
    assert (
        f"# Of dialect legacy: screened_upstream = {list(nearest.screened_upstream)}".replace(
            "'", '"'
        )
        in made.text
    )


def test_a_key_without_a_column_is_told(register: Register, write: Write, tmp_path: Path) -> None:
    made = drafted(register, write("x.csv", HEADER[1:]))
    assert "# DECIDE: no column was found for certificate_number" in made.text
    with pytest.raises(ReleaseError) as caught:
        match_header(HEADER[1:], loaded(register, made, tmp_path), file="x.csv", table=TABLE)
    assert caught.value.problem.code == "E124"


def test_columns_that_only_an_extract_has(register: Register, write: Write, tmp_path: Path) -> None:
    extract = next(
        d
        for d in register.dialects
        if (d.dialect, d.table) == ("register", "domestic-certificates")
    )
    header = [*extract.header[:-1], "Something"]
    made = drafted(register, write("x.csv", header))
    assert tomllib.loads(made.text)["extract"] is True
    assert len(loaded(register, made, tmp_path).dialects) == len(register.dialects) + 1


def test_several_headers_of_one_table_are_one_dialect(
    register: Register, write: Write, tmp_path: Path
) -> None:
    one = ["Lmk Key", *HEADER[1:]]
    other = ["LMK-KEY", *HEADER[1:-1]]
    known = loaded(
        register, drafted(register, write("1.csv", one), write("2.csv", other)), tmp_path
    )
    for header in (one, other):
        assert match_header(header, known, file="x.csv").columns[0] == "certificate_number"
    (own,) = [d for d in known.dialects if d.given]
    assert own.optional == {"indicative_cost"}


def test_a_spelling_of_two_meanings_is_undecided(
    register: Register, write: Write, tmp_path: Path
) -> None:
    one = [*HEADER[:-1], "INDICATIVE_COSTS"]
    other = [*HEADER, "INDICATIVE_COSTS"]
    made = drafted(register, write("1.csv", one), write("2.csv", other))
    assert '# indicative_cost = ["INDICATIVE_COSTS"]  # DECIDE' in made.text
    assert len(loaded(register, made, tmp_path).dialects) == len(register.dialects) + 1


def test_headers_that_are_read_already_are_left_out(register: Register, write: Write) -> None:
    known = write("known.csv", HEADER)
    other = write("other.csv", ["Key", *legacy(register, "domestic-certificates")[1:]])
    assert drafted(register, known, other).tables == ("domestic-certificates",)
    assert drafted(register, known).tables == (TABLE,)


def test_names_that_are_taken_and_odd_spellings(
    register: Register, write: Write, tmp_path: Path
) -> None:
    header = [*HEADER[:-1], '"say ""what"" \\ \t \x7f \u2028"']
    made = drafted(register, write("x.csv", header), name="legacy")
    assert tomllib.loads(made.text)["name"] == "legacy-own"
    decided = made.text.replace("# OUR_NAME", "indicative_cost")
    known = loaded(register, Draft(decided, (), 0, 0, 0), tmp_path)
    written = 'say "what" \\ \t \x7f \u2028'
    assert match_header([*HEADER[:-1], written], known, file="x").columns[-1] == "indicative_cost"


def test_columns_without_a_name_are_left_out_where_that_is_said(
    register: Register, write: Write, tmp_path: Path
) -> None:
    header = [*HEADER, ""]
    made = drafted(register, write("x.csv", header))
    with pytest.raises(ReleaseError) as caught:
        match_header(header, loaded(register, made, tmp_path), file="x.csv")
    assert caught.value.problem.code == "E129"
    decided = made.text.replace("# unnamed", "unnamed")
    known = loaded(register, Draft(decided, (), 0, 0, 0), tmp_path)
    assert match_header(header, known, file="x.csv").columns[-1] is None


@pytest.mark.parametrize(
    ("header", "code"),
    [(("Jane Roe", "170000"), "E170"), (("cyfeirnod", "dyddiad"), "E171")],
)
def test_no_draft_of_a_record_or_of_a_stranger(
    register: Register, write: Write, header: tuple[str, ...], code: str
) -> None:
    path = write("x.csv", header, ("a1", "2020-01-01"), ("a2", "2020-01-02"))
    with pytest.raises(ReleaseError) as caught:
        drafted(register, path)
    assert caught.value.problem.code == code
    assert "Jane" not in str(caught.value)


def test_a_draft_holds_no_value_of_a_cell(register: Register, write: Write) -> None:
    values = [f"SECRET-{place}" for place in range(7)]
    made = drafted(register, write("x.csv", ["Key", *HEADER[1:]], values, values[::-1]))
    assert "SECRET" not in made.text


def test_a_draft_carries_picks_dates_and_folding(tmp_path: Path, write: Write) -> None:
    sales = load_register("price-paid")
    header = ["unique id", "Price", "deed_date", "postcode", "property_type", "new_build", "Sort"]
    header += ["estate_type", "saon", "paon", "street", "locality", "town", "district", "county"]
    header += ["transaction_category"]
    path = write("x.csv", header)
    made = draft(inspect([str(path)], sales), sales, "mine")
    decided = made.text.replace("# OUR_NAME", "input_only").replace(
        "[tables.transactions.columns]", 'input_only = ["Sort"]\n[tables.transactions.columns]'
    )
    text = "\n".join(line for line in decided.splitlines() if '["Sort"]  #' not in line)
    known = loaded(sales, Draft(text, (), 0, 0, 0), tmp_path)
    match = match_header(header, known, file="x.csv")
    nearest = next(dialect for dialect in sales.dialects if dialect.dialect == "headed")
    assert match.dialect.given
    assert (match.dialect.fold, match.dialect.dates) == (nearest.fold, nearest.dates)
    assert match.dialect.picks["year"] == nearest.picks["year"]
    assert match.dialect.picks["record_status"] == nearest.picks["record_status"][1:]
    assert match.columns[:2] == ("unique_id", "price_paid")
