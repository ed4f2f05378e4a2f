"""Zip and gzip: layouts of the public bulk files, damage, bombs and names that are no paths."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.release.source import Inventory, ZipLimits, discover

if TYPE_CHECKING:
    from tests.unit.release.source.conftest import FailsWith, Source

HOMES = "ID,NAME,CITY\n1,Ann,Leeds\n2,Bob,York\n"
VISITS = "ID,DAY,NOTE,BY\n1,Monday,fine,me\n"


def names(inventory: Inventory) -> list[tuple[str, str]]:
    return [(part.name, part.table) for part in inventory.parts]


def test_layout_of_one_folder_per_authority(source: Source) -> None:
    members: dict[str, bytes | str] = {}
    for folder in ("homes-E06000001-Hartlepool", "homes-E06000002-Middlesbrough"):
        members |= {
            f"{folder}/": "",
            f"{folder}/certificates.csv": HOMES,
            f"{folder}/recommendations.csv": VISITS,
            f"{folder}/LICENCE.txt": "terms",
            f"{folder}/schema.json": "{}",
            f"{folder}/columns.csv": "column,meaning\n",
        }
    source.zip("all.zip", members)
    found = source.discover()
    assert names(found) == [
        ("in/all.zip!homes-E06000001-Hartlepool/certificates.csv", "homes"),
        ("in/all.zip!homes-E06000001-Hartlepool/recommendations.csv", "visits"),
        ("in/all.zip!homes-E06000002-Middlesbrough/certificates.csv", "homes"),
        ("in/all.zip!homes-E06000002-Middlesbrough/recommendations.csv", "visits"),
    ]
    reasons = dict(found.ignored)
    at = "in/all.zip!homes-E06000001-Hartlepool/"
    assert reasons[f"{at}LICENCE.txt"] == "not a CSV file"
    assert reasons[f"{at}columns.csv"] == "describes the columns"
    assert len(source.rows(chunk_bytes=5)) == 6


def test_layout_of_one_file_per_year(source: Source) -> None:
    source.zip("homes-csv.zip", {"certificates-2024.csv": HOMES, "certificates-2025.csv": HOMES})
    assert len(source.discover().of("homes")) == 2
    assert source.rows() == source.rows(chunk_bytes=1)


def test_names_are_shown_and_never_paths(source: Source) -> None:
    hostile = ["../../etc/homes.csv", "/abs/homes.csv", "C:\\x\\homes.csv", "a\nb\x1b[31m.csv"]
    with zipfile.ZipFile(source.root / "z.zip", "w") as archive:
        for name in hostile:
            archive.writestr(name, HOMES)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("../../etc/homes.csv", HOMES)
    shown = [part.name for part in source.discover().parts]
    assert sorted(shown) == [
        "in/z.zip!../../etc/homes.csv",
        "in/z.zip!../../etc/homes.csv (copy 2)",
        "in/z.zip!/abs/homes.csv",
        "in/z.zip!C:\\x\\homes.csv",
        "in/z.zip!a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m.csv",
    ]
    assert len(source.rows()) == 10
    assert sorted(p.name for p in source.root.parent.rglob("*")) == ["in", "work", "z.zip"]


def test_stored_members_zip64_and_streamed_members(source: Source) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("stored.csv", HOMES, zipfile.ZIP_STORED)
        with archive.open(zipfile.ZipInfo("large.csv"), "w", force_zip64=True) as member:
            member.write(HOMES.encode())
    source.write("z.zip", bytes(pipe.data))
    assert len(source.rows(chunk_bytes=4)) == 4


def _spoiled(path: Path, at: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= value
    path.write_bytes(data)


def test_crc_of_a_zip(source: Source, fails: type[FailsWith]) -> None:
    path = source.zip("z.zip", {})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("homes.csv", HOMES * 1, zipfile.ZIP_STORED)
    _spoiled(path, path.read_bytes().index(b"Leeds"), 1)
    with fails("E220") as failed:
        source.read()
    assert "CRC-32" in failed.text


def test_damaged_deflate_data(source: Source, fails: type[FailsWith]) -> None:
    body = "".join(f"{n},{n * n},{n**3}\n" for n in range(50_000))
    path = source.zip("z.zip", {"homes.csv": HOMES + body})
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path.write_bytes(data)
    with fails("E220"):
        source.read()


@pytest.mark.parametrize("keep", [10, 60, -1, -30])
def test_truncated_zip(source: Source, fails: type[FailsWith], keep: int) -> None:
    path = source.zip("z.zip", {"homes.csv": HOMES})
    path.write_bytes(path.read_bytes()[:keep])
    with fails("E220"):
        source.discover()


def test_truncated_after_its_directory_was_made(source: Source, fails: type[FailsWith]) -> None:
    """The directory points past the end of the bytes of the member."""
    path = source.zip("z.zip", {"homes.csv": HOMES})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 20, 1 << 20)  # packed size
    struct.pack_into("<I", data, directory + 24, 1 << 20)  # unpacked size
    path.write_bytes(data)
    with fails("E220"):
        source.read()


def test_length_that_lies(source: Source, fails: type[FailsWith]) -> None:
    path = source.zip("z.zip", {"homes.csv": HOMES})
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 20)
    path.write_bytes(data)
    with fails("E220") as failed:
        source.read()
    assert "length" in failed.text


def test_encrypted_member(source: Source, fails: type[FailsWith]) -> None:
    path = source.zip("z.zip", {"homes.csv": HOMES})
    _spoiled(path, path.read_bytes().index(b"PK\x01\x02") + 8, 1)
    with fails("E221") as failed:
        source.discover()
    assert "z.zip!homes.csv" in failed.text


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods(source: Source, fails: type[FailsWith], method: int) -> None:
    with zipfile.ZipFile(source.root / "z.zip", "w", method) as archive:
        archive.writestr("homes.csv", HOMES)
    with fails("E222") as failed:
        source.discover()
    assert f"method {method} (" in failed.text


@pytest.mark.parametrize("inner", ["inner.zip", "homes.csv.gz", "a/homes.parquet", "x.TAR"])
def test_nested_archives(source: Source, fails: type[FailsWith], inner: str) -> None:
    source.zip("z.zip", {"homes.csv": HOMES, inner: b"..."})
    with fails("E223"):
        source.discover()


def test_zip_without_csv(source: Source, fails: type[FailsWith]) -> None:
    source.zip("z.zip", {"readme.txt": "x", "__MACOSX/._homes.csv": "x", ".hidden.csv": "x"})
    with fails("E202"):
        source.discover(source.root / "z.zip")


def test_symbolic_link_in_a_zip(source: Source) -> None:
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(source.root / "z.zip", "w") as archive:
        archive.writestr("homes.csv", HOMES)
        archive.writestr(link, "/etc/passwd")
    assert dict(source.discover().ignored) == {"in/z.zip!link.csv": "a symbolic link"}


def test_limits_of_a_zip(source: Source, fails: type[FailsWith]) -> None:
    source.zip("z.zip", {"a.csv": HOMES, "b.csv": HOMES})
    folder = [str(source.root)]
    for limits, told in [
        (ZipLimits(members=1), "2 members"),
        (ZipLimits(total_bytes=50), f"{2 * len(HOMES)} bytes"),
    ]:
        with fails("E224") as failed:
            discover(folder, source.register, limits=limits)
        assert told in failed.text


def test_bombs(source: Source, fails: type[FailsWith]) -> None:
    zeros = HOMES.encode() + b"\n" * (32 << 20)
    source.zip("z.zip", {"homes.csv": zeros})
    with fails("E224") as failed:
        source.discover()
    assert "250 to 1" in failed.text
    (source.root / "z.zip").unlink()
    path = source.write("z.csv.gz", gzip.compress(zeros, 9))
    with fails("E224"):
        source.read(path)
    limits = ZipLimits(ratio=10_000, total_bytes=1 << 20)
    with fails("E224"):
        discover([str(path)], source.register, limits=limits)


def test_members_that_overlap(source: Source, fails: type[FailsWith]) -> None:
    path = source.zip("z.zip", {"a.csv": HOMES, "b.csv": HOMES})
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)  # its local header is the first one's
    path.write_bytes(data)
    with fails("E220") as failed:
        source.discover()
    assert "overlap" in failed.text


def test_gzip_of_several_members_and_padding(source: Source) -> None:
    first, second = HOMES[:20].encode(), HOMES[20:].encode()
    packed = gzip.compress(first) + gzip.compress(b"") + gzip.compress(second) + b"\0" * 512
    source.write("homes.csv.gz", packed)
    assert len(source.rows(chunk_bytes=3)) == 2


@pytest.mark.parametrize("spoil", ["short", "crc", "length", "garbage", "middle"])
def test_damaged_gzip(source: Source, fails: type[FailsWith], spoil: str) -> None:
    body = "".join(f"{n},{n * n},{n**3}\n" for n in range(100_000))
    data = bytearray(gzip.compress((HOMES + body).encode()))
    if spoil == "short":
        del data[-100:]
    elif spoil == "garbage":
        data += b"garbage"
    else:
        data[{"crc": -8, "length": -4, "middle": len(data) // 2}[spoil]] ^= 0x55
    source.write("homes.csv.gz", bytes(data))
    with fails("E220"):
        source.read()


def test_large_gzip_in_blocks(source: Source) -> None:
    rows = [f"{n},name {n % 7},city {n % 11}" for n in range(600_000)]
    source.gz("homes.csv.gz", "ID,NAME,CITY\n" + "\n".join(rows))
    read = source.read(chunk_bytes=1 << 20)
    assert len(read) > 5
    ids = [n for _, raw in read for n in raw.table.column("id").to_pylist()]
    assert ids == [str(n) for n in range(600_000)]


def test_compressed_text_in_another_encoding(source: Source) -> None:
    text = HOMES.replace("Ann", "Zoë")
    source.gz("a.csv.gz", text.encode("cp1252"))
    source.zip("b.zip", {"homes.csv": text.encode("cp1252")})
    assert [row["name"] for row in source.rows(encoding="cp1252")] == ["Zoë", "Bob"] * 2
