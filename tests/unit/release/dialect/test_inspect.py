"""What is found of a header: each column by the surest way, nothing guessed without telling."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.release.dialect import HeaderReport, inspect
from epc_release.release.dialect.model import Column
from epc_release.release.dialect.report import as_data, as_text
from epc_release.schemas.register import Register

Write = Callable[..., Path]
HEADER = (
    *("LMK_KEY", "IMPROVEMENT_ITEM", "IMPROVEMENT_SUMMARY_TEXT", "IMPROVEMENT_DESCR_TEXT"),
    *("IMPROVEMENT_ID", "IMPROVEMENT_ID_TEXT", "INDICATIVE_COST"),
)
ROWS = (
    ("k1", "1", "Loft", "Insulate", "5", "Loft insulation", "£100"),
    ("k2", "2", "Wall", "Insulate", "7", "Wall insulation", "£200"),
)


def one(register: Register, path: Path | str, **options: str) -> HeaderReport:
    (report,) = inspect([str(path)], register, **options).headers
    return report


def columns(report: HeaderReport) -> dict[str, Column]:
    assert report.nearest is not None
    return {column.spelling: column for column in report.nearest.columns}


def renamed(**changes: str) -> list[str]:
    return [changes.get(name, name) for name in HEADER]


def test_a_known_header_is_read_as_a_build_reads_it(register: Register, write: Write) -> None:
    report = one(register, write("x.csv", HEADER, *ROWS))
    assert (report.exact, report.problem, report.sampled) == (True, None, 2)
    assert report.nearest is not None
    assert (report.nearest.dialect.table, report.nearest.dialect.dialect) == (
        "domestic-recommendations",
        "legacy",
    )
    found = columns(report)
    assert found["LMK_KEY"].name == "certificate_number"
    assert (found["IMPROVEMENT_ID_TEXT"].decided, found["IMPROVEMENT_ID_TEXT"].name) == (True, None)
    assert {column.way for column in found.values()} == {"exact"}


@pytest.mark.parametrize(
    ("spelling", "way", "name"),
    [
        ("Lmk Key", "loose", "certificate_number"),
        ("Certificate number", "loose", "certificate_number"),
        ("LMK_KEYS", "close", "certificate_number"),
    ],
)
def test_ways_to_know_a_column(
    register: Register, write: Write, spelling: str, way: str, name: str
) -> None:
    report = one(register, write("x.csv", renamed(LMK_KEY=spelling), *ROWS))
    column = columns(report)[spelling]
    assert (column.way, column.decided, column.name) == (way, True, name)
    assert column.likeness == 1.0 or way == "close"


def test_a_column_of_another_dialect_is_an_alias(register: Register, write: Write) -> None:
    legacy = next(
        d for d in register.dialects if (d.dialect, d.table) == ("legacy", "domestic-certificates")
    )
    found = columns(one(register, write("x.csv", [*legacy.header, "Region"])))
    assert (found["Region"].way, found["Region"].name) == ("alias", "region")


def test_an_unknown_column_is_left_to_a_person_with_what_it_may_be(
    register: Register, write: Write
) -> None:
    header = renamed(IMPROVEMENT_ITEM="Position", INDICATIVE_COST="what it costs")
    report = one(register, write("x.csv", header, *ROWS))
    assert not report.exact
    assert report.problem is not None
    assert report.problem[0] == "E123"
    assert report.nearest is not None
    assert set(report.nearest.missing) == {"improvement_item", "indicative_cost"}
    found = columns(report)
    assert (found["Position"].decided, found["Position"].way) == (False, "unknown")


def test_values_tell_what_a_spelling_does_not(register: Register, write: Write) -> None:
    legacy = next(
        d for d in register.dialects if (d.dialect, d.table) == ("legacy", "domestic-certificates")
    )
    header = ["Seat" if name == "CONSTITUENCY" else name for name in legacy.header]
    values = {"Seat": ("E14000587", "W07000041"), "MAINS_GAS_FLAG": ("Y", "N")}
    rows = [[values.get(name, ("", ""))[i] for name in header] for i in range(2)]
    found = columns(one(register, write("x.csv", header, *rows)))
    assert (found["Seat"].way, found["Seat"].decided) == ("content", False)
    assert found["Seat"].candidates[0].name == "constituency"
    assert found["Seat"].candidates[0].fits == 1
    assert found["MAINS_GAS_FLAG"].fits == 1
    assert found["ADDRESS1"].fits is None


def test_values_speak_against_a_guess(register: Register, write: Write) -> None:
    header = renamed(IMPROVEMENT_ITEM="IMPROVMENT_ITEMS")
    rows = [(key, "much", "a", "b", number, "c", "d") for key, number in (("1", "5"), ("2", "7"))]
    good = columns(one(register, write("good.csv", header, *ROWS)))["IMPROVMENT_ITEMS"]
    assert (good.way, good.name, good.fits) == ("close", "improvement_item", 1)
    rows = [(row[0], f"much {i}", *row[2:]) for i, row in enumerate(rows)]
    bad = columns(one(register, write("bad.csv", header, *rows)))["IMPROVMENT_ITEMS"]
    assert (bad.decided, bad.candidates[0].fits) == (False, 0)


def test_two_spellings_of_one_column_are_both_undecided(register: Register, write: Write) -> None:
    header = [*renamed(LMK_KEY="Lmk Key"), "LMK-KEY"]
    found = columns(one(register, write("x.csv", header, *[(*row, "z") for row in ROWS])))
    for spelling in ("Lmk Key", "LMK-KEY"):
        assert not found[spelling].decided
        assert [c.name for c in found[spelling].candidates] == ["certificate_number"]


def test_repeated_and_nameless_columns_are_told(register: Register, write: Write) -> None:
    header = [*HEADER, "", "improvement_item"]
    report = one(register, write("x.csv", header, *[(*row, "", "1") for row in ROWS]))
    assert report.nearest is not None
    ways = [column.way for column in report.nearest.columns]
    assert ways[1] == ways[-1] == "repeated"
    assert ways[-2] == "unnamed"
    assert not report.exact
    assert "? (cannot be told)" in as_text(inspect([str(write("x.csv", header))], register))


@pytest.mark.parametrize(
    ("text", "encoding", "delimiter", "ends", "name_it"),
    [
        ("caf\u00e9", "utf-8", ",", "\n", False),
        ("caf\u00e9", "cp1252", ";", "\r\n", True),
        ("caf\u00e9", "utf-16", "\t", "\r", True),
    ],
)
def test_how_the_text_is_written(
    register: Register,
    tmp_path: Path,
    text: str,
    encoding: str,
    delimiter: str,
    ends: str,
    name_it: bool,
) -> None:
    rows = [HEADER, *ROWS, ("k3", text, *ROWS[0][2:6], "1")]
    path = tmp_path / "x.csv"
    path.write_bytes("".join(delimiter.join(row) + ends for row in rows).encode(encoding))
    report = one(register, path)
    (found,) = report.texts
    assert (found.encoding, found.delimiter, found.to_name) == (encoding, delimiter, name_it)
    assert found.line_ends == {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[ends]
    assert report.sampled == 3
    assert (f"--encoding {encoding}" in as_text(inspect([str(path)], register))) == name_it


def test_line_ends_of_two_kinds_are_mixed(register: Register, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes((",".join(HEADER) + "\r\n" + ",".join(ROWS[0]) + "\n").encode())
    assert one(register, path).texts[0].line_ends == "mixed"


def test_one_report_for_each_distinct_header(
    register: Register, write: Write, tmp_path: Path
) -> None:
    header = renamed(LMK_KEY="KEY")
    first = write("in/a.csv", header, *ROWS)
    (tmp_path / "in" / "b.csv.gz").write_bytes(gzip.compress(first.read_bytes()))
    with zipfile.ZipFile(tmp_path / "in" / "c.zip", "w") as archive:
        archive.write(first, "deep/a.csv")
        archive.write(write("other.csv", HEADER, *ROWS), "b.csv")
        archive.writestr("LICENCE.txt", "terms")
    frame = pl.DataFrame([dict(zip(header, row, strict=True)) for row in ROWS])
    frame.with_columns(pl.col("IMPROVEMENT_ITEM").cast(pl.Int64)).write_parquet(
        tmp_path / "in" / "d.parquet"
    )
    write("in/extract.json", ["{}"])
    write("in/private/e.csv", header)
    (tmp_path / "in" / "empty.csv").touch()
    found = inspect([str(tmp_path / "in")], register)
    changed, known = sorted(found.headers, key=lambda report: report.exact)
    assert changed.files == ("in/a.csv", "in/b.csv.gz", "in/c.zip!deep/a.csv", "in/d.parquet")
    assert changed.kinds == ("csv", "csv.gz", "zip", "parquet")
    assert known.files == ("in/c.zip!b.csv",)
    assert {name for name, _ in found.ignored} == {
        "in/private",
        "in/extract.json",
        "in/c.zip!LICENCE.txt",
    }
    assert [(name, code) for name, code, _ in found.unread] == [("in/empty.csv", "E206")]


def test_parquet_is_sampled_as_text(register: Register, tmp_path: Path) -> None:
    frame = pl.DataFrame([dict(zip(HEADER, row, strict=True)) for row in ROWS])
    path = tmp_path / "x.parquet"
    typed = frame.with_columns(
        pl.col("IMPROVEMENT_ITEM").cast(pl.Int64), pl.col("IMPROVEMENT_ID").cast(pl.Categorical)
    )
    typed.write_parquet(path)
    report = one(register, path)
    assert (report.exact, report.sampled, report.texts) == (True, 2, ())
    assert columns(report)["IMPROVEMENT_ITEM"].fits == 1
    typed.clear().write_parquet(path)
    assert one(register, path).sampled == 0


@pytest.mark.parametrize(
    "record",
    [
        ("Jane Roe", "170000", "2019-04-11"),
        ("Jane Roe", "Some Street", "Leeds"),
        ("jane@roe.example", "a", "b"),
    ],
)
def test_a_record_in_the_place_of_the_header_is_never_shown(
    register: Register, write: Write, record: tuple[str, ...]
) -> None:
    found = inspect([str(write("x.csv", record, ("John Doe", "x", "y")))], register)
    (report,) = found.headers
    assert (report.headed, report.nearest, report.exact) == (False, None, False)
    for text in (as_text(found), json.dumps(as_data(found))):
        assert not any(cell in text for cell in record if len(cell) > 1)


def test_a_header_like_no_table_is_told_and_can_be_forced(register: Register, write: Write) -> None:
    path = write("x.csv", ("cyfeirnod", "dyddiad"), ("a1", "2020-01-01"), ("a2", "2020-01-02"))
    report = one(register, path)
    assert (report.headed, report.nearest) == (True, None)
    forced = one(register, path, table="domestic-recommendations")
    assert forced.nearest is not None
    assert [column.decided for column in forced.nearest.columns] == [False, False]
    assert one(register, f"domestic-recommendations={path}").nearest is not None


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("nothing.csv", {}, "E201"),
        ("empty.csv", {}, "E206"),
        ("empty.csv", {"table": "cats"}, "E127"),
        ("empty.csv", {"encoding": "klingon"}, "E211"),
    ],
)
def test_what_cannot_be_looked_at_is_named(
    register: Register, tmp_path: Path, path: str, options: dict[str, str], code: str
) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ReleaseError) as caught:
        inspect([str(tmp_path / path)], register, **options)
    assert caught.value.problem.code == code
    assert str(caught.value)
