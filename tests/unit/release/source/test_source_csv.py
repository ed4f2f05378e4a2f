"""CSV: encodings, line ends, quotes, ragged rows, and where chunks are cut."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import pickle
import stat
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from epc_release.release.source import chunks, line_numbers, raw_records, read_chunk
from epc_release.release.source import csv as source_csv
from epc_release.release.source.stream import Digests

if TYPE_CHECKING:
    from tests.unit.release.source.conftest import FailsWith, Source

HOMES = "ID,NAME,CITY\n1,Ann,Leeds\n2,Bob,York\n"
ROWS = [
    {"id": "1", "name": "Ann", "city": "Leeds"},
    {"id": "2", "name": "Bob", "city": "York"},
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
def test_line_ends_and_byte_order_mark(
    source: Source, end: str, mark: bytes, chunk_bytes: int
) -> None:
    source.write("homes.csv", mark + HOMES.replace("\n", end).encode())
    assert source.rows(chunk_bytes=chunk_bytes) == ROWS
    found = source.read(chunk_bytes=chunk_bytes)
    lines = [n for c, raw in found for n in line_numbers(c, range(raw.rows))]
    assert lines == [2, 3]


def test_last_line_may_lack_its_end_and_blank_lines_are_nothing(source: Source) -> None:
    source.write("homes.csv", "\n\r\nID,NAME,CITY\n\n\n1,Ann,Leeds\r\n\r\n\n2,Bob,York")
    ((chunk, raw),) = source.read()
    assert raw.table.to_pylist() == ROWS
    assert line_numbers(chunk, [0, 1]) == [6, 9]


def test_plain_file_is_cut_in_place(source: Source) -> None:
    path = source.write("homes.csv", HOMES)
    found = list(chunks(source.discover().parts, work=source.work, chunk_bytes=1))
    assert [(c.path, c.staged, c.number, c.first_line) for c in found] == [
        (path, False, 0, 2),
        (path, False, 1, 3),
    ]
    for chunk in found:
        chunk.discard()
    assert path.exists()
    again = pickle.loads(pickle.dumps(found[1]))
    assert read_chunk(again).table.to_pylist() == ROWS[1:]
    assert found[-1].consumed == path.stat().st_size


def test_line_end_inside_a_record_longer_than_a_chunk_is_no_place_to_cut(source: Source) -> None:
    notes = ["a" * 30 + "\n" + "b" * 200, "c\n" * 50, "d"]
    source.write("homes.csv", "ID,NAME,CITY\n" + "".join(f'1,"{n}",x\n' for n in notes))
    for size in range(1, 400, 7):
        found = [
            row["name"] for _, raw in source.read(chunk_bytes=size) for row in raw.table.to_pylist()
        ]
        assert found == notes


def test_columns_are_dictionaries_or_plain_text_without_nulls(source: Source) -> None:
    source.write("homes.csv", "ID,NAME,CITY\n1,N/A,\n2,NULL,nan\n3,N/A,\n")
    ((chunk, raw),) = source.read()
    category = pa.dictionary(pa.int32(), pa.string())
    assert raw.table.schema.types == [category] * 3
    assert raw.table.column("name").to_pylist() == ["N/A", "NULL", "N/A"]
    assert raw.table.column("city").to_pylist() == ["", "nan", ""]
    assert all(column.null_count == 0 for column in raw.table.columns)
    assert all(column.num_chunks == 1 for column in raw.table.columns)
    chosen = read_chunk(chunk, wanted={"city", "id"}, plain={"id"}).table
    assert chosen.schema == pa.schema([("id", pa.string()), ("city", category)])


def test_header_only_is_no_error_and_no_chunk(source: Source) -> None:
    source.write("homes.csv", "ID,NAME,CITY")
    source.write("visits.csv", "ID,DAY,NOTE,BY\r\n\r\n")
    assert [part.table for part in source.discover().parts] == ["homes", "visits"]
    assert source.read() == []


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n", b"\xef\xbb\xbf"])
def test_empty_file(source: Source, fails: type[FailsWith], content: bytes | str) -> None:
    source.write("homes.csv", content)
    with fails("E206") as failed:
        source.discover()
    assert "in/homes.csv" in failed.text
    assert failed.error is not None
    assert failed.error.exit == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_unicode_is_refused_and_accepted_by_option(
    source: Source, fails: type[FailsWith], encoding: str
) -> None:
    source.write("homes.csv", HOMES.replace("Ann", "Zoë").encode(encoding))
    with fails("E210") as failed:
        source.discover()
    assert f"--encoding {encoding}" in failed.text
    assert source.rows(encoding=encoding, chunk_bytes=10)[0]["name"] == "Zoë"


def test_bytes_of_windows_name_their_line_and_the_option(
    source: Source, fails: type[FailsWith]
) -> None:
    body = "".join(f"{n},x,y\n" for n in range(200_000))
    late = f'ID,NAME,CITY\n{body}"a\nb",caf\xe9 \x80,z\n'.encode("latin-1")
    source.write("homes.csv", late)
    with fails("E210") as failed:
        source.read(chunk_bytes=100_000)
    assert "line 200003:" in failed.text
    assert "--encoding cp1252" in failed.text
    source.write("homes.csv", "ID,NAME,CITY\n1,caf\xe9 €,z\n".encode("cp1252"))
    with fails("E210") as failed:
        source.discover()
    assert "line 2:" in failed.text
    assert source.rows(encoding="windows-1252")[0]["name"] == "café €"


def test_a_character_may_straddle_blocks(source: Source) -> None:
    rows = [{"id": str(n), "name": "Zoë €😀" * 3, "city": "Ynys Môn"} for n in range(30_000)]
    text = "ID,NAME,CITY\n" + "".join(",".join(row.values()) + "\n" for row in rows)
    source.write("homes.csv", text)
    assert source.rows(chunk_bytes=50_001) == rows
    source.write("homes.csv", text.encode("utf-16"))
    assert source.rows(chunk_bytes=50_001, encoding="utf-16") == rows


def test_wrong_option_for_the_encoding(source: Source, fails: type[FailsWith]) -> None:
    source.write("homes.csv", HOMES + "3,caf\xe9,z\n")
    with fails("E212") as failed:
        source.read(encoding="ascii")
    assert "line 4:" in failed.text
    for name in ("no-such-thing", "hex"):
        with fails("E211"):
            source.discover(encoding=name)


def test_byte_order_mark_of_utf8_is_stronger_than_the_option(source: Source) -> None:
    source.write("homes.csv", b"\xef\xbb\xbf" + HOMES.replace("Ann", "Zoë").encode())
    assert source.rows(encoding="cp1252")[0]["name"] == "Zoë"


def test_nul_names_its_line(source: Source, fails: type[FailsWith]) -> None:
    source.write("homes.csv", HOMES.replace("York", "Yo\0rk"))
    with fails("E213") as failed:
        source.read()
    assert "line 3:" in failed.text


def test_quotes_newlines_and_lone_quotes(source: Source) -> None:
    text = 'ID,NAME,CITY\n1,"a ""b""\nc,\r\nd",x\n2,5" pipe,y "z"\n"3"4,"",\n'
    source.write("homes.csv", text)
    expected = [dict(zip(("id", "name", "city"), row, strict=True)) for row in _python(text)]
    for size in range(1, len(text)):
        assert source.rows(chunk_bytes=size) == expected
    ((chunk, _),) = source.read()
    assert line_numbers(chunk, [0, 1, 2]) == [2, 5, 6]
    assert raw_records(chunk, [1, 0]) == ['2,5" pipe,y "z"', '1,"a ""b""\nc,\r\nd",x']


def _python(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]


def test_quote_never_closed(source: Source, fails: type[FailsWith]) -> None:
    source.write("homes.csv", HOMES + '\n3,"x,y\n4,a,b\n')
    for size in (1, 30, 1 << 20):
        with fails("E215") as failed:
            source.read(chunk_bytes=size)
        assert "line 5 " in failed.text


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("chunk_bytes", [1 << 16, 64 << 20])
def test_record_over_16_mib(
    source: Source, fails: type[FailsWith], closed: bool, chunk_bytes: int
) -> None:
    end = '",z\n5,c,d\n' if closed else ""
    source.write("homes.csv", HOMES + '3,"' + "line\n" * (17 << 18) + end)
    with fails("E216") as failed:
        source.read(chunk_bytes=chunk_bytes)
    assert "line 4 " in failed.text


def test_record_longer_than_a_block_of_the_parser(source: Source) -> None:
    long = "x" * (5 << 20)
    source.write("homes.csv", f"ID,NAME,CITY\n1,b\n2,{long},c\n3,d\n")
    ((chunk, raw),) = source.read(chunk_bytes=64 << 20)
    assert raw.table.column("name").to_pylist() == [long]
    assert [(row.record, row.expected, row.actual) for row in raw.ragged] == [(0, 3, 2), (2, 3, 2)]
    assert chunk.length > 5 << 20


def test_ragged_rows_are_collected(source: Source) -> None:
    source.write("homes.csv", 'ID,NAME,CITY\n1\n\n2,b,c\n3,"d\n",e,f\n \n4,g,h\n5,i,j,\n')
    ((chunk, raw),) = source.read()
    assert raw.table.column("id").to_pylist() == ["2", "4"]
    assert [(row.record, row.actual, row.text) for row in raw.ragged] == [
        (0, 1, "1"),
        (2, 4, '3,"d\n",e,f'),
        (3, 1, " "),
        (5, 4, "5,i,j,"),
    ]
    assert raw.rows == 6
    assert raw.records_of([0, 1]) == [1, 4]
    assert line_numbers(chunk, [0, 1, 2, 3, 4, 5]) == [2, 4, 5, 7, 8, 9]
    assert raw_records(chunk, raw.records_of([1])) == ["4,g,h"]


def test_line_end_inside_quotes_at_the_edge_of_a_block(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'ID,NAME,CITY\n1,"a\r\nb\r\n\r\nc",d\r\n2,e,"f\r\n"\r\n'
    source.write("homes.csv", text)
    expected = [dict(zip(("id", "name", "city"), row, strict=True)) for row in _python(text)]
    for size in range(12, len(text)):
        monkeypatch.setattr(source_csv, "_BLOCK", size)
        assert source.rows() == expected


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(source: Source, delimiter: str) -> None:
    text = HOMES.replace(",", delimiter) + f'3{delimiter}"a{delimiter}\n,"{delimiter}b\n'
    source.write("homes.csv", text)
    rows = source.rows(chunk_bytes=5)
    assert rows[:2] == ROWS
    assert rows[2] == {"id": "3", "name": f"a{delimiter}\n,", "city": "b"}


def test_header_with_quoted_line_end_and_spaces(source: Source) -> None:
    source.write("homes.csv", '" id ","NAME",City \n1,Ann,Leeds\n')
    assert source.rows() == ROWS[:1]


def test_header_that_never_ends(source: Source, fails: type[FailsWith]) -> None:
    source.write("homes.csv", '\nID,"NAME\n' + "x,y,z\n" * 100_000)
    with fails("E214") as failed:
        source.discover()
    assert "line 2:" in failed.text


def test_unknown_header(source: Source, fails: type[FailsWith]) -> None:
    source.write("homes.csv", "ID,NAME,TOWN\n1,2,3\n")
    with fails("E123") as failed:
        source.discover()
    assert "TOWN" in failed.text


def test_limit_counts_records_over_all_parts(source: Source) -> None:
    source.write("a.csv", 'ID,NAME,CITY\n1,"a\nb",c\n\n2,x\n3,x,y\n')
    source.write("b.csv", HOMES)
    parts = source.discover().of("homes")
    for size in (1, 10, 1 << 20):
        for limit in range(6):
            digests: Digests = {}
            found = list(
                chunks(parts, work=source.work, chunk_bytes=size, limit=limit, digests=digests)
            )
            assert sum(read_chunk(c).rows for c in found) == min(limit, 5)
            assert sum(c.records or 0 for c in found) == min(limit, 5)
            assert [c.number for c in found] == list(range(len(found)))


def test_digest_is_of_the_stored_bytes(source: Source) -> None:
    plain = source.write("a.csv", HOMES)
    packed = source.gz("b.csv.gz", HOMES)
    zipped = source.zip("c.zip", {"x/homes.csv": HOMES, "y/homes.csv": HOMES})
    digests: Digests = {}
    for chunk in chunks(source.discover().parts, work=source.work, chunk_bytes=9, digests=digests):
        chunk.discard()
    assert {name: d.sha256 for name, d in digests.items()} == {
        f"in/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (plain, packed, zipped)
    }


def test_file_that_shrinks_or_changes(source: Source, fails: type[FailsWith]) -> None:
    path = source.write("homes.csv", HOMES)
    parts = source.discover().parts
    found = list(chunks(parts, work=source.work, chunk_bytes=1))
    path.write_text(HOMES[:20])
    with fails("E207"):
        read_chunk(found[1])
    with fails("E207"):
        list(chunks(parts, work=source.work, chunk_bytes=1))
    path.write_text(HOMES.replace("Ann", "Eve"))
    os.utime(path, ns=(1, 1))
    with fails("E207"):
        read_chunk(found[0])
    path.unlink()
    with fails("E207"):
        read_chunk(found[0])
    with fails("E201"):
        list(chunks(parts, work=source.work, chunk_bytes=1))


def test_staged_files_are_private_and_gone_after_use(source: Source) -> None:
    source.gz("homes.csv.gz", HOMES)
    for chunk in chunks(source.discover().parts, work=source.work, chunk_bytes=1):
        assert chunk.staged
        assert chunk.path is not None
        assert stat.S_IMODE(chunk.path.stat().st_mode) == 0o600
        chunk.discard()
        chunk.discard()
        assert not chunk.path.exists()


def test_full_disk_while_staging_leaves_nothing(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.gz("homes.csv.gz", HOMES)

    def full(path: str, flags: int) -> int:
        os.close(os.open(path, flags))
        return os.open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(source_csv, "private", full)
    with pytest.raises(OSError, match="No space left"):
        list(chunks(source.discover().parts, work=source.work, chunk_bytes=1))
    assert not list(source.work.iterdir())
