"""Input that is not as it should be, tried as a new user would: each is a clear error or counted.

Every build here that succeeds is checked against an independent count of its input (Python's csv),
and every one that does not must leave nothing behind.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.errors import ReleaseError
from epc_release.release import prepare
from epc_release.release import source as source_files
from epc_release.release.report import BuildReport
from epc_release.release.source import cut
from epc_release.schemas.load import load_register

Record = dict[str, str]
PARENT, CHILD = "domestic-certificates", "domestic-recommendations"
OTHER = "non-domestic-certificates"
CUTOFF = datetime(2026, 10, 1, tzinfo=UTC)
EPC = load_register("epc")
HEADERS = {(d.dialect, d.table): d.header or tuple(d.columns) for d in EPC.dialects}
LEGACY = HEADERS["legacy", PARENT]
STATUS = ("cancelled", "not_for_issue", "opt_out", "green_deal", "national_security")


def certificate(number: int, **cells: str) -> Record:
    """A legacy certificate that is published as it stands, but for ``cells``."""
    made = {
        "LMK_KEY": f"{number:030d}",
        "LOCAL_AUTHORITY": f"E0600000{1 + number % 3}",
        "LODGEMENT_DATE": f"20{10 + number % 5}-03-04",
        "ADDRESS1": f"{number} Made-up Street",
        "CURRENT_ENERGY_EFFICIENCY": "70",
        "CURRENT_ENERGY_RATING": "C",
    }
    return dict.fromkeys(LEGACY, "") | made | cells


def extracted(number: int, **cells: str) -> Record:
    """A certificate of the register's own extract that is published, but for ``cells``."""
    made = {
        "certificate_number": f"{number:020d}",
        "local_authority": "E06000001",
        "lodgement_date": "2020-03-04",
        "country": "England",
        "assessment_type": "RdSAP",
        **dict.fromkeys(STATUS, "false"),
    }
    return dict.fromkeys(EPC.table(PARENT).schema.names, "") | made | cells


def advice(number: int, item: int = 1, **cells: str) -> Record:
    """A legacy recommendation for the certificate of that number."""
    made = {"LMK_KEY": f"{number:030d}", "IMPROVEMENT_ITEM": str(item), "INDICATIVE_COST": "£5"}
    return dict.fromkeys(HEADERS["legacy", CHILD], "") | made | cells


def text(records: Iterable[Mapping[str, str]], header: Iterable[str] = LEGACY) -> str:
    """CSV with LF, so that a test can see and change its lines."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(header), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return sink.getvalue()


def counted(file: Path) -> int:
    """Records of a CSV by Python's own reader, without header and blank lines."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return sum(1 for cells in csv.reader(stream) if cells) - 1


def starts(file: Path) -> list[int]:
    """The physical line on which each record begins."""
    found, line = [], 1
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        for cells in reader:
            found += [line] if cells else []
            line = reader.line_num + 1
    return found[1:]


class Trial:
    """A folder to write sources to, and builds of them."""

    def __init__(self, folder: Path, build: Callable[..., BuildReport]) -> None:
        self.folder = folder
        self.out, self.state = folder / "out", folder / "state"
        self._build = build

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def parents(self, *records: Record, name: str = f"{PARENT}.csv") -> Path:
        return self.write(name, text(records))

    def children(self, *records: Record) -> Path:
        return self.write(f"{CHILD}.csv", text(records, HEADERS["legacy", CHILD]))

    def workplace(self) -> Path:
        """A file of another table, with a certificate that is published."""
        header = HEADERS["legacy", OTHER]
        made = {"LMK_KEY": "9", "LOCAL_AUTHORITY": "E06000001", "LODGEMENT_DATE": "2020-01-01"}
        return self.write(f"{OTHER}.csv", text([dict.fromkeys(header, "") | made], header))

    def build(self, *sources: Path, read: bool = True, **settings: Any) -> BuildReport:
        """A build that succeeds; all rows of the sources must be in its ledger."""
        settings = {"cutoff": CUTOFF, **settings}
        report = self._build(*sources, **settings)
        self.assert_conserved(report, sources if read else ())
        return report

    def assert_conserved(self, report: BuildReport, sources: Iterable[Path]) -> None:
        tables = report.ledger["tables"]
        kept = json.loads((self.state / report.release / "ledger.json").read_text("utf-8"))
        assert kept["tables"] == tables
        rows: dict[str, int] = {}
        for source in sources:
            if source.suffix == ".csv":
                table = next(t for t in (PARENT, CHILD, OTHER) if source.name.startswith(t))
                rows[table] = rows.get(table, 0) + counted(source)
        for name, one in tables.items():
            lost = sum(one["excluded"].values()) + sum(one["rejected"].values())
            assert one["read"] == one["published"] + lost + one["suppressed"]
            assert one["published"] == len(published(report, name))
        if rows:
            assert {name: one["read"] for name, one in tables.items()} == {
                name: count for name, count in rows.items() if count
            }

    def fails(self, code: str, *sources: Path, **settings: Any) -> str:
        """The message of a build that must fail and leave nothing but the state."""
        before = files(self.out)
        with pytest.raises(ReleaseError) as caught:
            self._build(*sources, **{"cutoff": CUTOFF, **settings})
        message = str(caught.value)
        assert caught.value.problem.code == code, message
        assert files(self.out) == before
        assert not (self.state / "work").exists()
        return message

    def quarantine(self, table: str = PARENT, release: str = "t1") -> list[dict[str, Any]]:
        path = self.state / release / "quarantine" / f"{table}.parquet"
        if not path.is_file():
            return []
        assert path.stat().st_mode & 0o777 == 0o600
        frame = pl.read_parquet(path)
        assert frame.columns == ["table", "file", "row", "line", "column", "code", "raw"]
        assert set(frame["table"]) <= {table}
        return frame.drop("table").sort("file", "row", "column").to_dicts()


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def published(report: BuildReport, table: str = PARENT) -> pl.DataFrame:
    """What the release's Parquet files hold of a table."""
    parts = sorted((report.path / "parquet" / table).glob("*/*.parquet"))
    if not parts:
        return pl.DataFrame()
    return pl.concat([pl.read_parquet(part, hive_partitioning=False) for part in parts])


@pytest.fixture
def trial(tmp_path: Path, build: Callable[..., BuildReport]) -> Trial:
    return Trial(tmp_path, build)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few records a chunk."""
    monkeypatch.setattr(prepare, "MIN_CHUNK", 2_000)
    monkeypatch.setattr(prepare, "MAX_CHUNK", 2_000)


# ---- files that hold nothing


def test_an_empty_file(trial: Trial) -> None:
    good = trial.parents(certificate(1))
    for content in ("", "\n\r\n", "\ufeff"):
        empty = trial.write("empty.csv", content)
        assert "empty.csv is empty" in trial.fails("E206", good, empty)


def test_a_header_alone_is_no_release(trial: Trial) -> None:
    assert "no record" in trial.fails("E305", trial.parents())
    assert "no record" in trial.fails("E305", trial.parents(), trial.children())


def test_a_header_beside_others_is_fine(trial: Trial) -> None:
    trial.parents(name=f"{PARENT}-2.csv")
    report = trial.build(
        trial.parents(certificate(1)), trial.folder / f"in/{PARENT}-2.csv", trial.children()
    )
    assert report.ledger["tables"][PARENT]["published"] == 1


# ---- archives


def zipped(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_zip(trial: Trial, keep: float) -> None:
    whole = zipped({"certificates.csv": text(map(certificate, range(200)))})
    cut_short = trial.write("extract.zip", whole[: int(len(whole) * keep)])
    assert "extract.zip is damaged" in trial.fails("E220", cut_short)
    trial.build(trial.write("extract.zip", whole))


def test_a_zip_damaged_inside_is_found_while_it_is_read(trial: Trial) -> None:
    content = bytearray(
        zipped({"certificates.csv": text(map(certificate, range(2000)))}, zipfile.ZIP_STORED)
    )
    content[len(content) // 2] ^= 1
    message = trial.fails("E220", trial.write("extract.zip", bytes(content)))
    assert "extract.zip!certificates.csv" in message


def test_a_zip_bomb_is_refused_before_it_is_unpacked(trial: Trial) -> None:
    zeros = (text([certificate(1)]) + "\n" * (64 << 20)).encode()
    bomb = trial.write("bomb.zip", zipped({"certificates.csv": zeros}))
    assert bomb.stat().st_size < 200_000
    assert "bomb.zip holds" in trial.fails("E224", bomb)


def test_an_encrypted_zip(trial: Trial) -> None:
    content = bytearray(zipped({"certificates.csv": text([certificate(1)])}))
    content[6] |= 1  # the flag of the local header, and of the directory's entry
    content[content.find(b"PK\x01\x02") + 8] |= 1
    message = trial.fails("E221", trial.write("secret.zip", bytes(content)))
    assert "secret.zip!certificates.csv is encrypted" in message


def test_a_zip_in_a_zip(trial: Trial) -> None:
    inner = zipped({"certificates.csv": text([certificate(1)])})
    outer = trial.write("outer.zip", zipped({"inner.zip": inner}))
    assert "outer.zip!inner.zip" in trial.fails("E223", outer)


# ---- damaged text


def test_a_nul_names_its_line(trial: Trial) -> None:
    lines = text(map(certificate, range(5))).replace("3 Made-up", "3\0Made-up")
    message = trial.fails("E213", trial.write(f"{PARENT}.csv", lines))
    assert f"{PARENT}.csv, line 5" in message


def test_text_that_is_not_utf8_names_the_option(trial: Trial) -> None:
    lines = text([certificate(1), certificate(2, ADDRESS1="Tŷ £")])
    source = trial.write(f"{PARENT}.csv", lines.replace("ŷ", "y").encode("cp1252"))
    message = trial.fails("E210", source)
    assert "line 3" in message
    assert "--encoding cp1252" in message
    report = trial.build(source, read=False, encoding="cp1252")
    assert "Ty £" in published(report)["address1"].to_list()


def test_a_quote_never_closed(trial: Trial) -> None:
    lines = text(map(certificate, range(9))).replace("4 Made-up", '"4 Made-up')
    assert "line 6" in trial.fails("E215", trial.write(f"{PARENT}.csv", lines))


@pytest.mark.usefixtures("small_chunks")
def test_a_quote_never_closed_far_from_the_end(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "MAX_RECORD", 1 << 20)
    lines = text(map(certificate, range(9))).replace("4 Made-up", '"4 Made-up')
    lines += text(map(certificate, range(10, 20_000)))
    message = trial.fails("E216", trial.write(f"{PARENT}.csv", lines))
    assert "line 6" in message
    assert "quote never closed" in message


def test_lines_that_end_with_cr_alone(trial: Trial) -> None:
    records = [certificate(1), certificate(2, LODGEMENT_DATE="never"), certificate(3)]
    source = trial.write(f"{PARENT}.csv", text(records).replace("\n", "\r"))
    report = trial.build(source)
    assert report.ledger["tables"][PARENT]["published"] == 2
    (bad,) = trial.quarantine()
    assert (bad["row"], bad["line"], bad["code"]) == (2, 3, "type-date")
    lines = text([certificate(1), certificate(2), certificate(3)])
    same = trial.build(trial.write(f"{PARENT}.csv", lines), release="t2")
    assert (
        published(same).filter(pl.col("address1") != "2 Made-up Street").equals(published(report))
    )


@pytest.mark.parametrize("closed", [True, False])
def test_a_record_of_more_than_16_mib(trial: Trial, closed: bool) -> None:
    long = '"' + "x" * (17 << 20) + '"' * closed
    lines = text(map(certificate, range(4))).replace("2 Made-up Street", long)
    message = trial.fails("E216", trial.write(f"{PARENT}.csv", lines))
    assert f"{PARENT}.csv: the record that begins on line 4 is longer than 16 MiB" in message


# ---- ragged rows


@pytest.mark.usefixtures("small_chunks")
def test_short_and_long_rows_are_rejected_and_kept(trial: Trial) -> None:
    lines = text(certificate(n, ADDRESS1="two\nlines") for n in range(40)).splitlines(True)
    header, rest = lines[0], lines[1:]
    records = ["".join(rest[i : i + 2]) for i in range(0, len(rest), 2)]
    records[7] = records[7].rstrip("\n") + ",surplus\n"
    records[20] = "only,three,cells\n"
    records[21] = "\n" + records[21]  # a blank line is nothing, but it is a line
    records[39] = "cut off,"
    source = trial.write(f"{PARENT}.csv", header + "".join(records))
    report = trial.build(source)
    assert report.ledger["tables"][PARENT]["rejected"] == {"ragged-row": 3}
    assert report.ledger["tables"][PARENT]["read"] == 40
    found = trial.quarantine()
    assert [(bad["row"], bad["code"], bad["column"]) for bad in found] == [
        (8, "ragged-row", None),
        (21, "ragged-row", None),
        (40, "ragged-row", None),
    ]
    begin = starts(source)
    assert [bad["line"] for bad in found] == [begin[7], begin[20], begin[39]]
    assert [bad["raw"] for bad in found] == [
        r.strip("\n") for r in (records[7], *records[20:40:19])
    ]


def test_a_file_of_ragged_rows_only(trial: Trial) -> None:
    source = trial.write(f"{PARENT}.csv", text([]) + "a,b\nc,d\n")
    assert "ragged-row 2" in trial.fails("E302", source)
    report = trial.build(source, trial.workplace(), allow_empty=True)
    assert report.ledger["tables"][PARENT]["rejected"] == {"ragged-row": 2}


# ---- files that change


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    ("change", "jobs"), [("shrinks", 1), ("shrinks", 2), ("grows", 1), ("vanishes", 1)]
)
def test_a_file_that_changes_while_it_is_read(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, change: str, jobs: int
) -> None:
    lines = text(map(certificate, range(30_000)))
    source = trial.write(f"{PARENT}.csv", lines)
    real = source_files.chunks

    def changing(*args: Any, **settings: Any) -> Iterator[Any]:
        for number, chunk in enumerate(real(*args, **settings)):
            if number == 3:
                if change == "shrinks":
                    with source.open("r+b") as stream:
                        stream.truncate(len(lines) // 2)
                elif change == "grows":
                    with source.open("ab") as stream:
                        stream.write(b"more\n")
                else:
                    source.unlink()
            yield chunk

    monkeypatch.setattr("epc_release.release.pipeline.chunks", changing)
    assert f"{PARENT}.csv changed" in trial.fails("E207", source, jobs=jobs)


# ---- copies, orphans


def test_equal_copies_in_two_files(trial: Trial) -> None:
    one = trial.parents(certificate(1), certificate(2))
    two = trial.parents(certificate(2), certificate(3), name=f"{PARENT}-2.csv")
    report = trial.build(one, two)
    table = report.ledger["tables"][PARENT]
    assert (table["published"], table["rejected"]) == (3, {"duplicate-row": 1})
    (bad,) = trial.quarantine()
    assert bad["code"] == "duplicate-row"


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_copies_that_differ_are_all_rejected(trial: Trial, order: tuple[int, int]) -> None:
    filling = [certificate(n) for n in range(10, 30)]
    copies = [certificate(2, TENURE="rented (social)"), certificate(2, TENURE="rented (private)")]
    one = trial.parents(certificate(1), copies[order[0]], *filling)
    two = trial.parents(certificate(3), copies[order[1]], name=f"{PARENT}-2.csv")
    report = trial.build(one, two, trial.children(advice(1), advice(2), advice(3)))
    tables = report.ledger["tables"]
    assert tables[PARENT]["rejected"] == {"duplicate-key": 2}
    assert tables[PARENT]["published"] == 22
    assert tables[CHILD]["rejected"] == {"parent": 1}
    found = trial.quarantine()
    assert [(Path(bad["file"]).name, bad["row"]) for bad in found] == [
        (f"{PARENT}-2.csv", 2),
        (f"{PARENT}.csv", 2),
    ]
    assert {bad["code"] for bad in found} == {"duplicate-key"}


def test_recommendations_for_an_unknown_certificate(trial: Trial) -> None:
    advices = trial.children(advice(1), advice(1, 2), advice(77), advice(2), advice(1, 2))
    report = trial.build(trial.parents(certificate(1), certificate(2)), advices)
    table = report.ledger["tables"][CHILD]
    assert table["rejected"] == {"duplicate-row": 1, "orphan": 1}
    assert table["published"] == 3
    orphan = next(bad for bad in trial.quarantine(CHILD) if bad["code"] == "orphan")
    assert orphan["row"] == 3
    assert json.loads(orphan["raw"])["certificate_number"] == f"{77:030d}"


@pytest.mark.parametrize("limit", [None, 1])
def test_bad_recommendations_of_a_certificate_that_is_left_out(
    trial: Trial, limit: int | None
) -> None:
    """They are left out with it, not rejected, and nothing of them is kept."""
    parents = trial.parents(certificate(1), certificate(2))
    advices = trial.children(
        *(advice(1, IMPROVEMENT_ITEM="one of 1"), advice(1, 2, IMPROVEMENT_ID="two of 1")),
        *(advice(2, IMPROVEMENT_ITEM="one of 2"), advice(2, 2, IMPROVEMENT_ID="two of 2")),
        *(advice(2, IMPROVEMENT_ITEM=""), advice(1, 3)),
    )
    listed = f"certificate_number,event,time\n{2:030d},opt_out,2020-01-01T00:00:00Z\n"
    report = trial.build(
        parents,
        advices,
        suppressions=trial.write("suppressions.csv", listed),
        suppressions_as_of=CUTOFF,
        limit=limit,
        read=limit is None,
    )
    table = report.ledger["tables"][CHILD]
    assert table["excluded"] == {"limit" if limit else "parent": 3}
    assert (table["rejected"], table["published"]) == ({"type-integer": 1}, 2)
    kept = trial.quarantine(CHILD)
    assert [(bad["row"], bad["code"]) for bad in kept] == [(1, "type-integer"), (2, "type-integer")]
    assert not any("of 2" in bad["raw"] for bad in kept)


def test_recommendations_alone(trial: Trial) -> None:
    assert f"{CHILD} was given without {PARENT}" in trial.fails("E303", trial.children(advice(1)))


# ---- gates


def with_rejects(rows: int, bad: int) -> list[Record]:
    return [certificate(n, LODGEMENT_DATE="soon" if n < bad else "2020-01-01") for n in range(rows)]


@pytest.mark.parametrize(("rows", "bad", "stops"), [(1000, 21, True), (1000, 20, False)])
def test_the_ceiling_of_rejects(trial: Trial, rows: int, bad: int, stops: bool) -> None:
    source = trial.parents(*with_rejects(rows, bad))
    if stops:
        message = trial.fails("E301", source)
        told = message.splitlines()[-1].split()
        assert told[:5] == ["rejected", PARENT, "type-date", "21", "21"]
        assert told[5:] == ["1,000", *("at", "most", "2%"), *("this", "release")]
    else:
        trial.build(source)


def test_no_ceiling_below_1000_rows(trial: Trial) -> None:
    report = trial.build(trial.parents(*with_rejects(999, 500)))
    assert report.ledger["tables"][PARENT]["rejected"] == {"type-date": 500}


def test_copies_of_published_records_do_not_count_for_the_ceiling(trial: Trial) -> None:
    one = trial.parents(*with_rejects(600, 0))
    two = trial.parents(*with_rejects(600, 0), name=f"{PARENT}-2.csv")
    trial.build(one, two)


def test_what_was_rejected_is_kept_when_a_gate_stops_the_build(trial: Trial) -> None:
    records = with_rejects(1000, 30)
    records += [certificate(5000, TENURE=f"{n}") for n in range(2)]
    message = trial.fails("E301", trial.parents(*records))
    folder = trial.state / "t1" / "stopped" / "quarantine"
    assert str(folder) in message
    found = pl.read_parquet(folder / f"{PARENT}.parquet").sort("row")
    assert found["code"].to_list() == ["type-date"] * 30 + ["duplicate-key"] * 2
    assert found["row"].to_list() == [*range(1, 31), 1001, 1002]
    assert found["line"].to_list()[:30] == list(range(2, 32))
    assert all("soon" in raw for raw in found["raw"][:30])
    assert not trial.quarantine()
    trial.build(trial.parents(*with_rejects(1000, 0)))
    assert not folder.exists()


def test_a_table_that_would_be_empty(trial: Trial) -> None:
    source = trial.parents(certificate(1, LODGEMENT_DATE="1999-01-01"))
    other = trial.workplace()
    assert "floor-date 1" in trial.fails("E302", source, other)
    report = trial.build(source, other, allow_empty=True)
    assert report.ledger["tables"][PARENT]["excluded"] == {"floor-date": 1}
    assert "floor-date 1" in trial.fails("E308", source, allow_empty=True, release="t2")


def test_a_limit_marks_the_release_and_conserves(trial: Trial) -> None:
    parents = trial.parents(*map(certificate, range(10)))
    children = trial.children(*(advice(n % 12, n) for n in range(24)))
    report = trial.build(parents, children, read=False, limit=4)
    tables = report.ledger["tables"]
    assert tables[PARENT]["read"] == tables[PARENT]["published"] == 4
    assert (tables[CHILD]["read"], tables[CHILD]["published"]) == (24, 8)
    assert tables[CHILD]["excluded"] == {"limit": 16}
    assert "(partial)" in report.summary()
    descriptor = json.loads((report.path / "datapackage.json").read_text("utf-8"))
    assert descriptor["epcRelease"]["partial"] is True


# ---- the register's own extract: suppressions, screening


def extract_of(trial: Trial, *records: Record) -> Path:
    return trial.write(f"{PARENT}.csv", text(records, EPC.table(PARENT).schema.names))


def opted_out(trial: Trial, *numbers: int) -> dict[str, Any]:
    lines = [f"{number:020d},opt_out,2020-01-01T00:00:00Z\n" for number in numbers]
    return {
        "suppressions": trial.write(
            "suppressions.csv", "certificate_number,event,time\n" + "".join(lines)
        ),
        "suppressions_as_of": CUTOFF,
    }


def test_without_suppression_list(trial: Trial) -> None:
    source = extract_of(trial, extracted(1))
    assert "no suppression list was given" in trial.fails("E307", source)
    opted_out(trial)
    assert "seen beside the data: in/suppressions.csv" in trial.fails(
        "E307", source.parent, suppressions=None
    )


def test_a_suppression_list_too_old_or_of_unknown_age(trial: Trial) -> None:
    source, given = extract_of(trial, extracted(1)), opted_out(trial, 1)
    old = datetime(2026, 9, 29, tzinfo=UTC)
    with pytest.raises(ReleaseError) as caught:
        trial._build(source, cutoff=CUTOFF, **{**given, "suppressions_as_of": old})
    assert (caught.value.problem.code, caught.value.exit) == ("E151", 4)
    trial.fails("E152", source, **{**given, "suppressions_as_of": None})
    bad = trial.write("bad.csv", "certificate_number,event,time\n1,opt_aut,2020-01-01T00:00:00Z\n")
    message = trial.fails("E150", source, **{**given, "suppressions": bad})
    assert "bad.csv, line 2" in message


def test_screening_comes_first_and_must_be_readable(trial: Trial) -> None:
    records = [
        extracted(1),
        extracted(2),  # on the list
        extracted(3, cancelled="perhaps"),
        extracted(4, cancelled="true", extension_count="many"),
        extracted(5, cancelled="true", certificate_number=""),
        extracted(6, country="Scotland", cancelled="perhaps"),
        extracted(7, extension_count="many"),
        extracted(8, cancelled=""),
        extracted(9, certificate_number=""),
    ]
    report = trial.build(extract_of(trial, *records), **opted_out(trial, 2))
    table = report.ledger["tables"][PARENT]
    assert table["excluded"] == {"cancelled": 2, "opt-out": 1}
    assert table["rejected"] == {"required-missing": 2, "type-boolean": 2}
    assert published(report)["certificate_number"].to_list() == [f"{n:020d}" for n in (1, 7)]
    found = [(bad["row"], bad["column"], bad["code"]) for bad in trial.quarantine()]
    assert found == [
        (3, None, "type-boolean"),
        (5, None, "required-missing"),
        (6, None, "type-boolean"),
        (7, "extension_count", "type-integer"),
        (9, None, "required-missing"),
    ]
    text_of = {bad["row"]: bad["raw"] for bad in trial.quarantine()}
    assert text_of[7] == "many"
    assert "perhaps" in text_of[3]


# ---- keys and policies


def test_a_policy_with_pseudonyms_needs_a_good_key(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = trial.parents(certificate(1))
    monkeypatch.delenv("EPC_RELEASE_KEY")
    with pytest.raises(ReleaseError) as caught:
        trial._build(source, policy="deidentified")
    assert caught.value.problem.code == "E160"
    assert "export EPC_RELEASE_KEY=" in caught.value.problem.fix
    for weak in ("c2hvcnQ=", "A" * 44, "no base64!"):
        monkeypatch.setenv("EPC_RELEASE_KEY", weak)
        message = trial.fails("E161", source, policy="deidentified")
        assert weak not in message
    assert not trial.state.exists()


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ('"address1"', '"addres1"', "E143", "addres1"),
        ("in ['England'", "in ['Engelland'", "E145", "country"),
        ('id = "cancelled"', 'id = "cancelled"\ncolour = "red"', "E141", "colour"),
        ('"address1", ', "", "E144", "address1"),
        ("[[records]]", "[[records]", "E140", "mine.toml"),
    ],
)
def test_a_policy_that_is_wrong_stops_before_anything_is_written(
    trial: Trial, old: str, new: str, code: str, told: str
) -> None:
    from importlib import resources

    folder = resources.files("epc_release").joinpath("anonymise/policies/epc")
    policy = folder.joinpath("address-level.toml").read_text(encoding="utf-8")
    assert old in policy
    mine = trial.write("mine.toml", policy.replace(old, new, 1))
    message = trial.fails(code, trial.parents(certificate(1)), policy=str(mine))
    assert told in message
    assert not trial.state.exists()
    assert not trial.out.exists()


# ---- places


def test_the_same_release_again(trial: Trial) -> None:
    source = trial.parents(certificate(1))
    first = trial.build(source)
    before = files(trial.out)
    again = trial.build(source)
    assert (first.new, again.new) == (True, False)
    assert "the same stood there already" in again.summary()
    assert files(trial.out) == before


def test_another_release_of_the_same_id(trial: Trial) -> None:
    trial.build(trial.parents(certificate(1)))
    ledger = files(trial.state / "t1")
    with pytest.raises(ReleaseError) as caught:
        trial._build(trial.parents(certificate(2)), cutoff=CUTOFF)
    assert (caught.value.problem.code, caught.value.exit) == ("E601", 6)
    trial.fails("E601", trial.parents(certificate(2)))
    assert files(trial.state / "t1") == ledger


@pytest.mark.parametrize("place", ["state", "work"])
def test_private_places_inside_out(trial: Trial, place: str) -> None:
    source = trial.parents(certificate(1))
    message = trial.fails("E306", source, **{place: trial.out / "private"})
    assert f"--{place}" in message
    assert not trial.out.exists()


def test_more_partitions_and_years_than_files_may_be_open(
    trial: Trial, request: pytest.FixtureRequest
) -> None:
    resource = pytest.importorskip("resource")
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the open files cannot be counted here")
    places = [code for code in EPC.codelists["local_authority"].names if code.startswith("E")][:90]
    dates = [f"{2010 + year}-03-04" for year in range(3)]
    records = [
        certificate(n, LOCAL_AUTHORITY=place, LODGEMENT_DATE=day)
        for n, (place, day) in enumerate((place, day) for place in places for day in dates)
    ]
    source = trial.parents(*records)
    was = resource.getrlimit(resource.RLIMIT_NOFILE)
    request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, was))
    highest = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 40, was[1]))
    report = trial.build(source)
    assert len(list((report.path / "parquet" / PARENT).iterdir())) == 90
    assert len(published(report)) == 270


# ---- values


def test_values_as_the_contract_says(trial: Trial) -> None:
    report = trial.build(
        trial.parents(
            certificate(1, EXTENSION_COUNT="5.0", LODGEMENT_DATETIME="2020-05-06"),
            certificate(2, CURRENT_ENERGY_EFFICIENCY="", CURRENT_ENERGY_RATING="A"),
            certificate(3, CURRENT_ENERGY_EFFICIENCY="92", CURRENT_ENERGY_RATING="B"),
            certificate(4, EXTENSION_COUNT="5.5", CURRENT_ENERGY_EFFICIENCY="abc"),
        )
    )
    frame = published(report).sort("certificate_number")
    assert frame["extension_count"].to_list() == [5, None, None, None]
    assert frame["lodgement_datetime"].to_list()[0] == datetime(2020, 5, 6)
    assert frame["current_energy_rating"].to_list() == ["C", None, "A", None]
    assert frame["lodgement_date"].to_list()[0] == date(2011, 3, 4)
    found = [(bad["row"], bad["line"], bad["column"], bad["raw"]) for bad in trial.quarantine()]
    assert found == [
        (4, 5, "current_energy_efficiency", "abc"),
        (4, 5, "extension_count", "5.5"),
    ]
    issues = Counter[tuple[str, str]]()
    for issue in report.facts.tables[0].issues:
        issues[issue.column, issue.code] += issue.count
    assert issues["extension_count", "type-integer"] == 1
    assert issues["current_energy_rating", "band-mismatch"] == 3


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("form", ["csv", "zip"])
def test_lines_and_rows_of_quarantine_are_those_of_python(trial: Trial, form: str) -> None:
    records = [
        certificate(
            n,
            ADDRESS2="a\nb\r\nc" if n % 7 == 0 else 'say ""so""' if n % 5 == 0 else "",
            LODGEMENT_DATE="late" if n % 11 == 0 else "2020-01-01",
            EXTENSION_COUNT="x" if n % 13 == 0 else "1",
        )
        for n in range(120)
    ]
    lines = text(records).replace(f"{60:030d}", f"\n\r\n{60:030d}")
    plain = trial.write(f"{PARENT}.csv", lines)
    begin = starts(plain)
    packed = trial.write("extract.zip", zipped({"certificates.csv": lines}))
    trial.build(plain if form == "csv" else packed)
    expected = [(n + 1, begin[n], None, "type-date") for n in range(120) if n % 11 == 0] + [
        (n + 1, begin[n], "extension_count", "type-integer")
        for n in range(120)
        if n % 13 == 0 and n % 11
    ]
    found = [(b["row"], b["line"], b["column"], b["code"]) for b in trial.quarantine()]
    assert sorted(found, key=lambda one: one[0]) == sorted(expected, key=lambda one: one[0])


# ---- what a person sees


def test_an_error_on_the_command_line(trial: Trial) -> None:
    source = trial.write(f"{PARENT}.csv", "")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "epc_release.release.cli", "build", "--source", str(source)),
            *("--policy", "address-level", "--out", str(trial.out), "--state", str(trial.state)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    first, fix, more = done.stderr.splitlines()
    assert first.startswith(f"E206: {PARENT}.csv is empty")
    assert fix.startswith("Fix: ")
    assert more == "More: epc-release explain E206"
