"""Whatever a CSV holds and wherever it is cut, its records are those that Python's reader finds."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epc_release.release.source import Chunk, Part, line_numbers, raw_records, read_chunk
from epc_release.release.source import csv as source_csv
from epc_release.release.source.detect import shape
from epc_release.release.source.location import local_file
from epc_release.schemas.register import HeaderMatch, TableDialect

CELLS = st.text(
    st.one_of(
        st.sampled_from(list('",\n\r; a\té€😀')),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    max_size=8,
)
TEXTS = st.text(st.sampled_from(list('"",,\n\r\nab ')), max_size=60)


def part_of(path: Path, delimiter: str = ",") -> Part:
    """A part of a table with as many columns as the header has, our names being numbers."""
    data = path.read_bytes()
    form, header = shape(data, path.name, None, whole=True)
    names = tuple(f"c{i}" for i in range(len(header)))
    dialect = TableDialect("plain", "t", {}, frozenset(), frozenset(), {}, ())
    return Part(
        name=path.name,
        file=path.name,
        kind="csv",
        table="t",
        header=tuple(header),
        match=HeaderMatch(dialect, names),
        bytes=len(data),
        text_bytes=len(data),
        location=local_file(path, path.name),
        csv=form,
    )


def read_back(path: Path, size: int) -> tuple[list[list[str]], list[int], list[str]]:
    """All records in order (ragged ones as Python splits their text), their lines and raw text."""
    rows: list[list[str]] = []
    lines: list[int] = []
    raw_texts: list[str] = []
    found = source_csv.chunks(
        part_of(path), work=path.parent, chunk_bytes=size, limit=None, digests=None
    )
    for chunk in found:
        chunk_rows, chunk_raw = _records(chunk)
        rows += chunk_rows
        lines += line_numbers(chunk, range(len(chunk_rows)))
        raw_texts += chunk_raw
    return rows, lines, raw_texts


def _records(chunk: Chunk) -> tuple[list[list[str]], list[str]]:
    raw = read_chunk(chunk)
    good = [list(row.values()) for row in raw.table.to_pylist()]
    numbers = raw.records_of(range(len(good)))
    by_number = dict(zip(numbers, good, strict=True))
    for row in raw.ragged:
        cells = next(csv.reader(io.StringIO(row.text, newline="")))
        assert len(cells) == row.actual != row.expected
        by_number[row.record] = cells
    assert sorted(by_number) == list(range(raw.rows))
    return [by_number[n] for n in range(raw.rows)], raw_records(chunk, range(raw.rows))


def by_python(text: str) -> tuple[list[list[str]], list[int]]:
    """The records and the lines on which they begin, header and blank lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""))
    rows, lines, before = [], [], 0
    for row in reader:
        if row:
            rows.append(row)
            lines.append(before + 1)
        before = reader.line_num
    return rows[1:], lines[1:]


def agree(text: str, size: int, mark: bytes = b"") -> None:
    rows, lines = by_python(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(mark + text.encode())
        found, found_lines, raw_texts = read_back(path, size)
    assert found == rows
    assert found_lines == lines
    parsed = [next(csv.reader(io.StringIO(raw, newline=""))) for raw in raw_texts]
    assert parsed == rows


@st.composite
def tables(draw: st.DrawFn) -> str:
    width = draw(st.integers(2, 5))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12))
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerow([f"h{i}" for i in range(width)])
    writer.writerows(rows)
    return out.getvalue()


@settings(max_examples=300, deadline=None)
@given(text=tables(), size=st.integers(1, 200), mark=st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_tables_written_by_python(text: str, size: int, mark: bytes) -> None:
    agree(text, size, mark)


@settings(max_examples=500, deadline=None)
@given(text=TEXTS, size=st.integers(1, 80))
def test_any_text_that_closes_its_quotes(text: str, size: int) -> None:
    """Stray quotes, ragged rows, blank lines and all line ends mixed."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        # strict mode also refuses text after a closing quote, which is fine for both readers
        if "unexpected end" in str(error):
            text += '"'
    whole = "x,y\n" + text
    if _open_at_end(whole):
        whole += '"'
    agree(whole, size)


def _open_at_end(text: str) -> bool:
    """Does Python's reader join a line that follows to the last record?"""
    rows = list(csv.reader(io.StringIO(text + "\nq,q,q,q\n", newline="")))
    return rows[-1:] != [["q", "q", "q", "q"]]


def test_csv_spectrum(shared_data: Path) -> None:
    for path in sorted((shared_data / "csv-spectrum").glob("*.csv")):
        if path.stem == "location_coordinates":
            continue  # the JSON beside it is of another record
        told = (path.parent / "expected" / f"{path.stem}.json").read_text()
        # the CSVs there have lost the CRs that stand inside their quotes
        expected = json.loads(told.replace(r"\r\n", r"\n"))
        header = part_of(path).header
        for size in range(1, path.stat().st_size + 1):
            rows, _, _ = read_back(path, size)
            assert [dict(zip(header, row, strict=True)) for row in rows] == expected, path.name


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_long_table_at_many_cuts(tmp_path: Path, line_end: str) -> None:
    rows = [f'{n},"a{line_end}""b""",{"x" * (n % 50)}' for n in range(3000)]
    text = line_end.join(["a,b,c", *rows]) + line_end
    expected, lines = by_python(text)
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    for size in (64, 999, 4096, 1 << 20):
        assert read_back(path, size)[:2] == (expected, lines)
