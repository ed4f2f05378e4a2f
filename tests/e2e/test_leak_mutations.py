"""A real release of each policy, spoilt in one way at a time: the leak test finds each, says where
and of which kind, and never tells the value. Every known way in which a value survives is here.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import html
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.leaks.finding import STRUCTURE, VALUE, Leak
from epc_release.anonymise.rules.pseudonym import Pseudonymise
from epc_release.release.execute import SerialExecutor
from epc_release.release.leaks.scan import ScanTask, look, objects, scan
from epc_release.release.progress import Silent

POLICIES = ("address-level", "deidentified")
TABLE = "domestic-certificates"


@dataclass(frozen=True)
class Secrets:
    """What must not get out: a withheld record's key and unit, a canary, and a value of a dropped
    column of a record that is published, which is known by digest alone."""

    key: str
    unit: str
    canary: str
    hidden: str
    secret: bytes
    written: str

    @property
    def all(self) -> list[str]:
        return [self.key, self.unit, self.canary, self.hidden, self.written]


@dataclass(frozen=True)
class Built:
    """A release, the private sets of its build, and what is in them."""

    path: Path
    private: Path
    policy: str
    secrets: Secrets


@pytest.fixture(scope="module")
def built(
    extract: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Built]:
    """``built(policy, build)``: made once."""
    made: dict[str, Built] = {}

    def make(policy: str, build: Callable[..., Any]) -> Built:
        if policy not in made:
            source, home = extract("register"), tmp_path_factory.mktemp(policy)
            path = build(source, policy=policy, out=home / "out", state=home / "state").path
            private = home / "state" / "t1" / "private"
            made[policy] = Built(path, private, policy, _secrets(private, source))
        return made[policy]

    return make


def _secrets(private: Path, source: Path) -> Secrets:
    exact = pl.read_parquet(private / "withheld.parquet").filter(table=TABLE)
    of = {column: exact.filter(column=column)["value"] for column in ("certificate_number", "uprn")}
    with (private / "canaries.csv").open(encoding="utf-8", newline="") as file:
        canaries = [r["value"] for r in csv.DictReader(file) if r["column"] == "owner"]
    with (source / f"{TABLE}.csv").open(encoding="utf-8", newline="") as file:
        numbers = [row["building_reference_number"] for row in csv.DictReader(file)]
    written = os.environ["EPC_RELEASE_KEY"]
    return Secrets(
        key=of["certificate_number"][0],
        unit=next(unit for unit in of["uprn"] if len(unit) >= 8),
        canary=canaries[0],
        hidden=next(number for number in numbers[50:] if len(number) >= 8),
        secret=base64.b64decode(written),
        written=written,
    )


@dataclass
class Spoilt:
    """A copy of a release to be spoilt."""

    root: Path
    built: Built

    @property
    def secrets(self) -> Secrets:
        return self.built.secrets

    @property
    def part(self) -> Path:
        return sorted((self.root / "parquet" / TABLE).glob("*=E*/*.parquet"))[0]

    @property
    def archive(self) -> Path:
        return sorted((self.root / "csv").glob("domestic-E*.zip"))[0]

    def leaks(self) -> list[Leak]:
        """Of every object that is not as it was: the others are clean, as a test shows."""
        found: list[Leak] = []
        for name in objects(self.root):
            path, was = self.root / name, self.built.path / name
            if not path.is_file() or not was.is_file() or was.read_bytes() != path.read_bytes():
                found += look(ScanTask(self.root, (name,), self.built.private))
        return found

    def write(self, change: Callable[[pa.Table], pa.Table], **options: Any) -> None:
        """The part anew, with the same options as ours but for these."""
        table = change(pq.read_table(self.part, partitioning=None))
        pq.write_table(table, self.part, compression="zstd", **options)

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        told = json.loads((self.root / name).read_text("utf-8"))
        change(told)
        (self.root / name).write_text(json.dumps(told, ensure_ascii=False, indent=2), "utf-8")

    def zip(self, change: Callable[[str, bytes], bytes], **traits: Any) -> None:
        """The archive anew, with ``traits`` of its first member."""
        with zipfile.ZipFile(self.archive) as old:
            members = [(name, old.read(name)) for name in old.namelist()]
        with zipfile.ZipFile(self.archive, "w", zipfile.ZIP_DEFLATED) as new:
            for number, (name, data) in enumerate(members):
                info = zipfile.ZipInfo(name)
                info.external_attr, info.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
                for trait, value in traits.items() if not number else ():
                    setattr(info, trait, value)
                new.writestr(info, change(name, data))


Mutation = Callable[[Spoilt], object]
CASES: dict[str, tuple[Mutation, str, str]] = {}


def case(kind: str, where: str) -> Callable[[Mutation], Mutation]:
    """A way of leaking: it must be found as ``kind``, in a layer or with a form named ``where``."""

    def add(mutation: Mutation) -> Mutation:
        CASES[mutation.__name__] = (mutation, kind, where)
        return mutation

    return add


# ------------------------------------------------------------ the known ways (disclosure control)


@case(VALUE, "dictionary")
def arrow_dictionary_that_was_filtered(it: Spoilt) -> None:
    def change(table: pa.Table) -> pa.Table:
        column = table.column("property_type").to_pylist()
        coded = pa.array([it.secrets.key, *column]).dictionary_encode().slice(1)
        at = table.schema.get_field_index("property_type")
        return table.set_column(at, "property_type", coded)

    it.write(change)


@case(VALUE, "dictionary")
def pandas_categories_that_are_unused(it: Spoilt) -> None:
    frame = pq.read_table(it.part, partitioning=None).to_pandas()
    known = [*frame["property_type"].dropna().unique(), it.secrets.canary]
    frame["property_type"] = pd.Categorical(frame["property_type"], categories=known)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), it.part, compression="zstd")


@case(VALUE, "ARROW:schema")
def polars_enum_with_unused_categories(it: Spoilt) -> None:
    frame = pl.read_parquet(it.part, hive_partitioning=False)
    known = [*frame["property_type"].drop_nulls().unique(), it.secrets.hidden]
    coded = frame.with_columns(pl.col("property_type").cast(pl.Enum(known)))
    coded.write_parquet(it.part)


@case(VALUE, "bytes")
def arrow_value_under_a_null_bit(it: Spoilt) -> None:
    text = it.secrets.canary.encode()
    offsets = struct.pack("<2i", 0, len(text))
    buffers: list[pa.Buffer | None] = [
        pa.py_buffer(b"\0"),
        pa.py_buffer(offsets),
        pa.py_buffer(text),
    ]
    array = pa.Array.from_buffers(pa.string(), 1, buffers, null_count=1)
    assert array.to_pylist() == [None]
    _ipc(it.root / "quality" / "issues.parquet", array)


@case(VALUE, "bytes")
def arrow_value_outside_a_slice(it: Spoilt) -> None:
    text = (it.secrets.key + "seen").encode()
    offsets = struct.pack("<3i", 0, len(text) - 4, len(text))
    buffers: list[pa.Buffer | None] = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    array = pa.Array.from_buffers(pa.string(), 1, buffers, offset=1)
    assert array.to_pylist() == ["seen"]
    held = pa.BufferOutputStream()
    held.write(offsets + text)
    (it.root / "quality" / "slice.arrow").write_bytes(held.getvalue().to_pybytes())


def _ipc(path: Path, array: pa.Array[Any]) -> None:
    table = pa.table({"a": array})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


@case(VALUE, "key-value metadata")
def schema_metadata_after_a_dropped_column(it: Spoilt) -> None:
    frame = pq.read_table(it.part, partitioning=None).to_pandas()
    frame = frame.set_index(pd.Index([f"{it.secrets.hidden}"] * len(frame), name=it.secrets.hidden))
    it.write(lambda table: pa.Table.from_pandas(frame).drop_columns([it.secrets.hidden]))


@case(STRUCTURE, "key-value metadata")
def key_value_metadata_of_its_own(it: Spoilt) -> None:
    it.write(lambda table: table.replace_schema_metadata({**table.schema.metadata, b"note": b"x"}))


@case(VALUE, "member 4")
def zip_that_was_appended_to(it: Spoilt) -> None:
    with zipfile.ZipFile(it.archive, "a") as archive:
        archive.writestr("more.csv", f"owner\r\n{it.secrets.canary}\r\n")


@case(STRUCTURE, "bytes")
def zip_member_that_was_replaced(it: Spoilt) -> None:
    """The old content stays in the file; only the directory has forgotten it."""
    data = it.archive.read_bytes()
    stream = zlib.compressobj(wbits=-15)
    dead = stream.compress(it.secrets.canary.encode() * 50) + stream.flush()
    directory = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    at = struct.unpack_from("<I", data, end + 16)[0]
    moved = data[end : end + 16] + struct.pack("<I", at + len(dead)) + data[end + 20 :]
    it.archive.write_bytes(data[:directory] + dead + data[directory:end] + moved)


@case(VALUE, "bytes")
def gzip_header_with_a_name(it: Spoilt) -> None:
    path = it.root / "quality" / "more.csv.gz"
    with path.open("wb") as sink, gzip.GzipFile(f"{it.secrets.key}.csv", "wb", 9, sink, 0) as file:
        file.write(b"nothing")


@case(STRUCTURE, "gzip header")
def gzip_header_with_a_time(it: Spoilt) -> None:
    (it.root / "quality" / "more.csv.gz").write_bytes(
        gzip.compress(b"nothing", mtime=1_600_000_000)
    )


@case(STRUCTURE, "directory entry")
def zip_member_with_a_time(it: Spoilt) -> None:
    it.zip(lambda _, data: data, date_time=(2026, 9, 30, 23, 11, 4))


@case(STRUCTURE, "name")
def partition_folder_of_a_value_that_no_row_has(it: Spoilt) -> None:
    other = it.part.parent.with_name("local_authority=E06000047")
    it.part.parent.rename(other)
    _relist(it)


@case(VALUE, "values: certificate_number of a withheld record")
def partition_folder_of_one_withheld_row(it: Spoilt) -> None:
    folder = it.part.parent.with_name("local_authority=E06000099")
    table = pq.read_table(it.part, partitioning=None).slice(0, 1)
    row = {**table.to_pylist()[0], "certificate_number": it.secrets.key}
    folder.mkdir()
    rows = pa.Table.from_pylist([row], table.schema)
    pq.write_table(rows, folder / "part-0.parquet", compression="zstd")


@case(VALUE, "text")
def sample_value_in_the_quality_file(it: Spoilt) -> None:
    it.edit("quality.json", lambda told: told["issues"].append({"sample": it.secrets.hidden}))


@case(VALUE, "bytes")
def least_value_of_unbinned_data_in_the_quality_file(it: Spoilt) -> None:
    with (it.built.private / "canaries.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["column"] == "total_floor_area"]
    area = float(rows[0]["value"])
    it.edit("quality.json", lambda told: told.update(minimum={"total_floor_area": area}))


@case(VALUE, "bytes")
def validation_error_that_quotes_a_cell(it: Spoilt) -> None:
    said = f"E304: column owner: '{it.secrets.canary}' is not one of the known values."
    it.edit("quality.json", lambda told: told.update(accepted=[said]))


# ------------------------------------------------------------------------------ ways of our own


@case(STRUCTURE, "bytes")
def page_of_a_deleted_row_left_in_the_file(it: Spoilt) -> None:
    """Compressed, so that no search among bytes could see it; the footer does not know of it."""
    data = it.part.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    row = pa.compress(it.secrets.key.encode() * 3, codec="zstd", asbytes=True)
    it.part.write_bytes(data[:start] + bytes(row) + data[start:])


@case(VALUE, "statistics")
def statistics_of_a_row_that_is_gone(it: Spoilt) -> None:
    """The least key of the file's statistics is that of a withheld record (or its digest)."""
    data = it.part.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    least = min(_keys(it)).encode()
    digest = hashlib.sha256(it.secrets.key.encode()).hexdigest().encode()
    other = it.secrets.key.encode() if len(least) == len(it.secrets.key) else digest[: len(least)]
    footer = data[start:].replace(least, other)
    assert footer != data[start:]
    it.part.write_bytes(data[:start] + footer)


@case(STRUCTURE, "statistics")
def statistics_of_another_value(it: Spoilt) -> None:
    data = it.part.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    greatest = max(_keys(it)).encode()
    it.part.write_bytes(data[:start] + data[start:].replace(greatest, greatest[::-1]))


@case(VALUE, "ARROW:schema")
def column_named_by_a_value(it: Spoilt) -> None:
    it.write(lambda table: table.append_column(it.secrets.hidden, pa.nulls(len(table), pa.int64())))


@case(VALUE, "name")
def object_named_by_a_value(it: Spoilt) -> None:
    (it.root / "csv" / f"domestic-{it.secrets.canary}.zip").write_bytes(it.archive.read_bytes())


@case(STRUCTURE, "object")
def object_that_nothing_names(it: Spoilt) -> None:
    (it.root / "parquet" / ".part-0.crc").write_bytes(b"x")


@case(STRUCTURE, "object")
def link_out_of_the_release(it: Spoilt) -> None:
    (it.root / "state").symlink_to(it.built.private)


@case(STRUCTURE, "object")
def folder_without_files(it: Spoilt) -> None:
    (it.root / "parquet" / TABLE / "local_authority=E06000047").mkdir()


@case(VALUE, "base64")
def value_as_base64_within_a_longer_text(it: Spoilt) -> None:
    coded = base64.b64encode(f"ab {it.secrets.canary} cd".encode()).decode()
    it.edit("datapackage.json", lambda told: told.update(note=coded))


@case(VALUE, "sha256 digest")
def digest_of_a_withheld_unit(it: Spoilt) -> None:
    digest = hashlib.sha256(it.secrets.unit.encode()).hexdigest().upper()
    it.edit("disclosure.json", lambda told: told.update(units=[digest]))


@case(VALUE, "md5 digest")
def digest_of_a_withheld_key_in_a_cell(it: Spoilt) -> None:
    digest = hashlib.md5(it.secrets.key.encode(), usedforsecurity=False).hexdigest()

    def change(table: pa.Table) -> pa.Table:
        column = [digest, *table.column("property_type").to_pylist()[1:]]
        at = table.schema.get_field_index("property_type")
        return table.set_column(at, table.schema.field(at), pa.array(column))

    it.write(change)


@case(VALUE, "hexadecimal")
def value_as_hexadecimal_digits(it: Spoilt) -> None:
    it.edit("ledger.json", lambda told: told.update(note=it.secrets.key.encode().hex().upper()))


@case(VALUE, "utf-16")
def text_in_utf_16(it: Spoilt) -> None:
    (it.root / "dictionary.csv").write_bytes(f"owner,{it.secrets.canary}".encode("utf-16"))


@case(VALUE, "HTML references")
def text_in_html_references(it: Spoilt) -> None:
    page = "".join(f"&#{ord(letter)};" for letter in it.secrets.canary)
    (it.root / "index.html").write_text(f"<p>{html.escape('a & b')} {page}</p>", "utf-8")


@case(VALUE, "JSON strings")
def text_in_json_escapes(it: Spoilt) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in it.secrets.key)
    (it.root / "quality.json").write_text(f'{{"note": "{escaped}"}}', "utf-8")


@case(VALUE, "percent-encoding")
def text_percent_encoded_in_a_link(it: Spoilt) -> None:
    link = "https://example.org/?q=" + "".join(f"%{ord(c):02X}" for c in it.secrets.canary)
    it.edit("datapackage.json", lambda told: told.update(homepage=link))
    assert quote(it.secrets.canary) not in link


@case(VALUE, "backwards")
def value_backwards(it: Spoilt) -> None:
    it.edit("ledger.json", lambda told: told.update(note=it.secrets.key[::-1]))


@case(VALUE, "without blanks")
def value_without_its_hyphens(it: Spoilt) -> None:
    it.edit("ledger.json", lambda told: told.update(note=it.secrets.key.replace("-", "")))


@case(VALUE, "bytes")
def value_in_a_zip_comment(it: Spoilt) -> None:
    with zipfile.ZipFile(it.archive, "a") as archive:
        archive.comment = it.secrets.hidden.encode() + b" " + it.secrets.key.encode()


@case(VALUE, "header")
def value_in_a_zip_members_comment(it: Spoilt) -> None:
    it.zip(lambda _, data: data, comment=it.secrets.hidden.encode())


@case(VALUE, "header")
def value_in_a_zip_extra_field(it: Spoilt) -> None:
    text = it.secrets.hidden.encode()
    it.zip(lambda _, data: data, extra=struct.pack("<HH", 0x7075, len(text)) + text)


@case(STRUCTURE, "directory entry")
def zip64_extra_field_with_more_than_sizes(it: Spoilt) -> None:
    it.zip(lambda _, data: data, extra=struct.pack("<HHI", 0x6375, 4, 7_700_900))


@case(STRUCTURE, "member")
def bytes_behind_the_end_of_a_deflate_stream(it: Spoilt) -> None:
    """Within the member's stated size, where no reader looks."""
    stream = zlib.compressobj(wbits=-15)
    with zipfile.ZipFile(it.archive) as old:
        name, data = old.namelist()[0], old.read(old.namelist()[0])
    packed = stream.compress(data) + stream.flush() + zlib.compress(it.secrets.canary.encode())
    head = (20, 0x0800, 8, 0, 33, zlib.crc32(data), len(packed), len(data), len(name.encode()))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, *head, 0) + name.encode()
    entry = struct.pack(
        "<IHHHHHHIIIHHHHHII", 0x02014B50, 0x314, *head, 0, 0, 0, 0, 0o100644 << 16, 0
    )
    directory = entry + name.encode()
    at = len(local) + len(packed)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(directory), at, 0)
    it.archive.write_bytes(local + packed + directory + end)


@case(VALUE, "bytes, from byte 0")
def bytes_before_a_zip(it: Spoilt) -> None:
    it.archive.write_bytes(it.secrets.key.encode() + it.archive.read_bytes())


@case(VALUE, "header")
def value_in_the_header_of_a_csv(it: Spoilt) -> None:
    text = it.secrets.hidden.encode()
    it.zip(lambda _, data: data.replace(b"property_type", text, 1))


@case(VALUE, "member certificates.csv")
def withheld_row_in_a_csv(it: Spoilt) -> None:
    def change(name: str, data: bytes) -> bytes:
        if name != "certificates.csv":
            return data
        cells = data.split(b"\r\n")[1].split(b",")
        return data + b",".join([it.secrets.key.encode(), *cells[1:]]) + b"\r\n"

    it.zip(change)


@case(VALUE, "column property_type, values")
def dropped_column_in_another_columns_place(it: Spoilt) -> None:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index("property_type")
        column = [it.secrets.hidden] * len(table)
        return table.set_column(at, table.schema.field(at), pa.array(column))

    it.write(change)


@case(VALUE, "certificate_number of a withheld record")
def withheld_record_under_its_published_key(it: Spoilt) -> None:
    """Under the policy that makes pseudonyms, its pseudonym."""
    key = it.secrets.key
    if it.built.policy == "deidentified":
        keyring = Keyring.from_environment()
        key = Pseudonymise("certificate").apply(pl.Series([key]), keyring)[0]

    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index("certificate_number")
        column = [key, *table.column(at).to_pylist()[1:]]
        return table.set_column(at, table.schema.field(at), pa.array(column))

    it.write(change)


@case(VALUE, "a suppressed cell")
def suppressed_cell_that_is_back(it: Spoilt) -> None:
    def folder_of(cell: dict[str, Any]) -> Path:
        part = f"parquet/{cell['table']}/local_authority={cell['partition']}"
        return it.root.joinpath(part)

    cells = _starred(it).sort("table", "partition", "column", "value").iter_rows(named=True)
    cell = next(each for each in cells if folder_of(each).is_dir())
    folder = folder_of(cell)
    table = pq.read_table(folder / "part-0.parquet", partitioning=None)
    at = table.schema.get_field_index(cell["column"])
    column = pa.array([cell["value"]] * len(table)).cast(table.schema.field(at).type)
    table = table.set_column(at, table.schema.field(at), column)
    pq.write_table(table, folder / "part-0.parquet", compression="zstd")


@case(VALUE, "certificate_number of a suppressed record")
def suppressed_record_that_is_back(it: Spoilt) -> None:
    key = _starred(it).filter(partition="*")["value"][0]
    it.zip(lambda _, data: data + f"{key}\r\n".encode() if key else data)


def _starred(it: Spoilt) -> pl.DataFrame:
    if it.built.policy != "deidentified":
        pytest.skip("the policy suppresses nothing")
    return pl.read_parquet(it.built.private / "starred.parquet")


@case(VALUE, "the secret key")
def secret_key_as_it_was_given(it: Spoilt) -> None:
    it.edit("datapackage.json", lambda told: told.update(note=it.secrets.written))


@case(VALUE, "the secret key")
def secret_key_as_bytes_in_metadata(it: Spoilt) -> None:
    held = {b"ARROW:key": it.secrets.secret}
    it.write(lambda table: table.replace_schema_metadata({**table.schema.metadata, **held}))


@case(VALUE, "the pseudonym key of certificate")
def derived_key_in_a_document(it: Spoilt) -> None:
    if it.built.policy != "deidentified":
        pytest.skip("the policy makes no pseudonyms")
    derived = Keyring.from_environment().pseudonym_key("certificate")
    it.edit("disclosure.json", lambda told: told.update(key=derived))


@case(VALUE, "zstd content")
def document_that_is_compressed(it: Spoilt) -> None:
    packed = bytes(pa.compress(it.secrets.canary.encode() * 20, codec="zstd", asbytes=True))
    (it.root / "quality" / "log.json.zst").write_bytes(packed)


@case(VALUE, "gzip content")
def document_that_is_gzipped(it: Spoilt) -> None:
    (it.root / "quality.json").write_bytes(gzip.compress(it.secrets.hidden.encode(), mtime=0))


@case(STRUCTURE, "file")
def part_that_was_written_otherwise(it: Spoilt) -> None:
    """The order of rows can follow a hidden column; nobody sees it in the values."""
    it.write(lambda table: table.take(list(reversed(range(len(table))))))


def _keys(it: Spoilt) -> list[str]:
    return pl.read_parquet(it.part, hive_partitioning=False)["certificate_number"].to_list()


def _relist(it: Spoilt) -> None:
    """Names of files in the descriptor and the checksums, as they are now."""
    for name in ("datapackage.json", "SHA256SUMS"):
        text = (it.root / name).read_text("utf-8")
        was = sorted((it.built.path / "parquet" / TABLE).glob("*=E*/*.parquet"))[0].parent.name
        (it.root / name).write_text(
            text.replace(f"{TABLE}/{was}/", f"{TABLE}/local_authority=E06000047/"), "utf-8"
        )


@pytest.fixture
def spoilt(
    built: Callable[..., Built], build: Callable[..., Any], tmp_path: Path
) -> Callable[[str], Spoilt]:
    def copy(policy: str) -> Spoilt:
        whole = built(policy, build)
        root = tmp_path / "spoilt"
        shutil.copytree(whole.path, root)
        return Spoilt(root, whole)

    return copy


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("policy", POLICIES)
def test_every_leak_is_caught_and_named(
    spoilt: Callable[[str], Spoilt], policy: str, name: str
) -> None:
    mutation, kind, where = CASES[name]
    it = spoilt(policy)
    mutation(it)
    found = it.leaks()
    told = [str(leak) for leak in found]
    assert any(leak.kind == kind and where in str(leak) for leak in found), told
    words = "\n".join(told)
    assert [value for value in it.secrets.all if value in words] == []


@pytest.mark.parametrize("policy", POLICIES)
def test_a_clean_release_gives_no_alarm(
    built: Callable[..., Built], build: Callable[..., Any], policy: str
) -> None:
    whole = built(policy, build)
    report = scan(whole.path, whole.private, None, SerialExecutor(), Silent())
    assert report.leaks == ()
    assert report.needles > 1000
    assert report.digests > 10_000
    report.check()
