"""``verify`` against releases that were damaged or forged, each in one way: each must be found."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow.parquet as pq
import pytest

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import ReleaseFacts
from epc_release.manifests.reader import FolderReader
from epc_release.manifests.verify import verify

FIRST = "parquet/homes/local_authority=E06000001/part-0.parquet"
SECOND = "parquet/homes/local_authority=W06000001/part-0.parquet"
PLACE = "csv/home-E06000001-Hartlepool.zip"
Mutation = Callable[[Path], object]
Build = Callable[..., ReleaseFacts]


def codes(folder: Path, *, deep: bool = False) -> list[str]:
    return [finding.code for finding in verify(folder, deep=deep).findings]


def flip(folder: Path, path: str = FIRST) -> None:
    data = bytearray((folder / path).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / path).write_bytes(data)


def truncate(folder: Path) -> None:
    (folder / FIRST).write_bytes((folder / FIRST).read_bytes()[:-10])


def swap(folder: Path) -> None:
    (folder / FIRST).rename(folder / "kept")
    (folder / SECOND).rename(folder / FIRST)
    (folder / "kept").rename(folder / SECOND)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the descriptor; what ``change`` gives back is of no account."""
    path = folder / "datapackage.json"
    told = json.loads(path.read_text("utf-8"))
    change(told)
    path.write_text(json.dumps(told), "utf-8")


def reseal(folder: Path) -> None:
    """What a forger would do: make sizes, hashes and checksums agree with the files."""

    def mend(told: dict[str, Any]) -> None:
        for resource in told["resources"]:
            for file in resource.get("files", [resource]):
                data = (folder / file["path"]).read_bytes()
                file |= {"bytes": len(data), "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}

    edit(folder, mend)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (flip, ["E705", "E705"]),
        (lambda folder: flip(folder, PLACE), ["E705", "E705"]),
        (truncate, ["E705", "E706", "E705"]),
        (swap, ["E705", "E705", "E706", "E705", "E706", "E705"]),
        (lambda folder: (folder / FIRST).unlink(), ["E703"]),
        (lambda folder: (folder / "new.txt").write_text(""), ["E704"]),
        (lambda folder: (folder / ".hidden").write_text(""), ["E704"]),
        (lambda folder: edit(folder, lambda told: told.update(title="x")), ["E705"]),
        (lambda folder: (folder / "ledger.json").write_text("{}"), ["E705", "E701"]),
        (lambda folder: (folder / "datapackage.json").unlink(), ["E701", "E703"]),
        (lambda folder: (folder / "SHA256SUMS").write_text("no"), ["E701"] + ["E704"] * 28),
        (lambda folder: (folder / "SHA256SUMS").unlink(), ["E701"] + ["E704"] * 28),
    ],
)
def test_damage_is_found(small_release: Path, mutate: Mutation, expected: list[str]) -> None:
    mutate(small_release)
    assert codes(small_release) == expected
    assert set(codes(small_release, deep=True)) >= set(expected)


def forge_rows(told: dict[str, Any]) -> None:
    told["resources"][0]["files"][0]["rows"] += 1


def add_metadata(folder: Path) -> None:
    table = pq.read_table(folder / FIRST, partitioning=None)
    metadata = {**table.schema.metadata, b"notes": b"x"}
    pq.write_table(table.replace_schema_metadata(metadata), folder / FIRST)


def drop_column(folder: Path) -> None:
    table = pq.read_table(folder / FIRST, partitioning=None)
    pq.write_table(table.drop_columns(["area"]), folder / FIRST)


def dictionary_column(folder: Path) -> None:
    table = pq.read_table(folder / FIRST, partitioning=None)
    rating = table["rating"].dictionary_encode()
    pq.write_table(table.set_column(7, "rating", rating), folder / FIRST)


def append_bytes(folder: Path) -> None:
    with (folder / PLACE).open("ab") as file:
        file.write(b"hidden")


def add_member(folder: Path) -> None:
    with zipfile.ZipFile(folder / PLACE, "a") as zipped:
        zipped.writestr("more.csv", "a")


def zip_comment(folder: Path) -> None:
    with zipfile.ZipFile(folder / PLACE, "a") as zipped:
        zipped.comment = b"hidden"


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (lambda folder: edit(folder, forge_rows), {"E707"}),
        (add_metadata, {"E708"}),
        (drop_column, {"E708"}),
        (dictionary_column, {"E708"}),
        (append_bytes, {"E709"}),
        (add_member, {"E709"}),
        (zip_comment, {"E709"}),
        (lambda folder: (folder / FIRST).write_bytes(b"PAR1"), {"E715"}),
        (lambda folder: (folder / PLACE).write_bytes(b"PK"), {"E715"}),
        (lambda folder: (folder / "parquet/more.parquet").write_bytes(b""), {"E704"}),
    ],
)
def test_forged_files_are_found(small_release: Path, mutate: Mutation, expected: set[str]) -> None:
    mutate(small_release)
    reseal(small_release)
    assert set(codes(small_release)) == expected
    assert set(codes(small_release, deep=True)) >= expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda told: told.update({"$schema": "x"}), "E701"),
        (lambda told: told.update(version=1), "E701"),
        (lambda told: told.update(resources=[]), "E701"),
        (lambda told: told.update(resources=3), "E701"),
        (lambda told: told["resources"].append(told["resources"][0]), "E701"),
        (lambda told: told["resources"][0].update(path="x"), "E701"),
        (lambda told: told["resources"][0]["files"][0].update(hash="md5:00"), "E701"),
        (lambda told: told["resources"][0]["schema"].update(fields=[]), "E701"),
        (lambda told: told["resources"][0]["schema"].update(primaryKey=["x"]), "E701"),
        (lambda told: told["resources"][1]["schema"].update(foreignKeys=["x"]), "E701"),
        (lambda told: told["resources"][0]["schema"].update(primaryKey=3), "E701"),
        (lambda told: told["resources"][0]["epcRelease"].update(partition="x"), "E701"),
        (lambda told: told["resources"][-1]["epcRelease"].update(kind="x"), "E701"),
        (lambda told: told["resources"][-1].update(path="../x.zip"), "E702"),
        (lambda told: told["resources"][-1].update(path="/etc/passwd"), "E702"),
        (lambda told: told["resources"][-1].update(path="https://example.org/x"), "E702"),
        (lambda told: told["resources"][-1].update(path="csv\\x.zip"), "E702"),
        (lambda told: told["resources"][-1].update(path="csv/other.zip"), "E703"),
    ],
)
def test_a_forged_descriptor_is_found(
    small_release: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    edit(small_release, change)
    assert expected in codes(small_release, deep=True)


@pytest.mark.parametrize("text", ["[]", "{", "null", "[" * 100_000, '{"a": NaN}', "\ud800"])
def test_a_descriptor_that_is_none(small_release: Path, text: str) -> None:
    (small_release / "datapackage.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "E701" in codes(small_release)


def test_an_unsafe_path_in_the_checksums(small_release: Path) -> None:
    sums = small_release / "SHA256SUMS"
    sums.write_text(sums.read_text() + f"{'0' * 64}  ../outside\n")
    assert codes(small_release) == ["E702"]


def test_rows_against_the_ledger(small_release: Path) -> None:
    path = small_release / "ledger.json"
    path.write_text(path.read_text().replace('"published": 60', '"published": 61'))
    reseal(small_release)
    assert codes(small_release) == ["E707"]


def test_swapped_partitions_are_found_by_reading(small_release: Path) -> None:
    swap(small_release)
    reseal(small_release)
    assert codes(small_release) == []
    found = codes(small_release, deep=True)
    assert found.count("E714") == 2
    assert "E713" in found


def rewrite_member(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as zipped:
        members = {info.filename: zipped.read(info) for info in zipped.infolist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for member, data in members.items():
            zipped.writestr(member, data)


@pytest.mark.parametrize(
    ("archive", "member"),
    [
        (PLACE, "certificates.csv"),
        (PLACE, "recommendations.csv"),
        ("csv/home-2020.zip", "certificates.csv"),
        ("csv/home-2020.zip", "recommendations.csv"),
        ("csv/home-all.zip", "certificates-2021.csv"),
        ("csv/home-all.zip", "recommendations-2019.csv"),
    ],
)
def test_another_value_in_an_archive(small_release: Path, archive: str, member: str) -> None:
    rewrite_member(small_release / archive, member, lambda data: data.replace(b"00", b"10"))
    reseal(small_release)
    assert codes(small_release) == []
    assert codes(small_release, deep=True) == ["E713"]


def test_rows_moved_between_years(small_release: Path) -> None:
    swapped = [small_release / f"csv/home-{year}.zip" for year in (2019, 2020)]
    data = [path.read_bytes() for path in swapped]
    for path, other in zip(swapped, reversed(data), strict=True):
        path.write_bytes(other)
    reseal(small_release)

    def exchange(told: dict[str, Any]) -> None:
        named = {resource["name"]: resource["epcRelease"] for resource in told["resources"]}
        first, second = named["home-2019"], named["home-2020"]
        first["members"], second["members"] = second["members"], first["members"]
        for year, archive in (("2019", first), ("2020", second)):
            for member in archive["members"]:
                member["year"] = year

    edit(small_release, exchange)
    reseal(small_release)
    assert codes(small_release) == []
    assert codes(small_release, deep=True) == ["E713"] * 4


def test_an_archive_taken_away(small_release: Path) -> None:
    (small_release / PLACE).unlink()
    edit(
        small_release,
        lambda told: told.update(
            resources=[r for r in told["resources"] if r["path"] != PLACE],
        ),
    )
    reseal(small_release)
    assert codes(small_release) == []
    assert codes(small_release, deep=True) == ["E713", "E713"]


def test_a_key_that_stands_twice(
    tmp_path: Path, build_release: Callable[..., object], small_homes: Callable[..., pl.DataFrame]
) -> None:
    homes = small_homes()
    twice = pl.when(pl.col("number") == "0005").then(pl.lit("0001")).otherwise("number")
    build_release(tmp_path / "r", homes.with_columns(twice.alias("number")))
    report = verify(tmp_path / "r", deep=True)
    assert [str(finding) for finding in report.findings] == [
        "E711: homes: 2 rows share their primary key with another row of the table"
    ]
    assert codes(tmp_path / "r") == []


def test_a_child_without_parent(
    tmp_path: Path,
    build_release: Callable[..., object],
    small_advice: Callable[..., pl.DataFrame],
    small_homes: Callable[..., pl.DataFrame],
) -> None:
    children = small_advice(small_homes())
    lost = pl.when(pl.col("number") == "0000").then(pl.lit("lost")).otherwise("number")
    build_release(tmp_path / "r", None, children.with_columns(lost.alias("number")))
    found = verify(tmp_path / "r", deep=True).findings
    assert "E712: " in str(found[0])
    assert "2 rows refer to no row of homes" in str(found[0])


def test_values_that_the_schema_forbids(
    tmp_path: Path, build_release: Callable[..., object], small_homes: Callable[..., pl.DataFrame]
) -> None:
    homes = small_homes().with_columns(score=pl.lit(-1, pl.Int64), rating=pl.lit("Z"))
    build_release(tmp_path / "r", homes)
    report = verify(tmp_path / "r", deep=True)
    assert {finding.code for finding in report.findings} == {"E710"}
    first = report.findings[0]
    assert (first.details["column"], first.details["check"]) == ("score", "minimum")
    assert first.details["rows"] == "1, 2, 3, 4, 5"
    assert "Z" not in str(report).replace("Zip", "")
    with pytest.raises(ReleaseError, match="E700") as caught:
        report.check()
    assert caught.value.exit == 7
    assert report.as_dict()["ok"] is False
    assert json.loads(json.dumps(report.as_dict()))["findings"][0]["code"] == "E710"


def test_it_reads_through_any_reader(small_release: Path) -> None:
    class Memory:
        def __init__(self, folder: Path) -> None:
            source = FolderReader(folder)
            self._files = {path: source.open(path) for path in source.list()}
            self._data = {}
            for path, file in self._files.items():
                with file:
                    self._data[path] = file.read()

        def list(self) -> list[str]:
            return list(self._data)

        def size(self, path: str) -> int:
            return len(self._data[path])

        def open(self, path: str) -> BinaryIO:
            return BytesIO(self._data[path])

    assert verify(Memory(small_release), deep=True).ok


def test_a_file_that_is_listed_and_gone(small_release: Path) -> None:
    (small_release / "csv" / "lost.zip").symlink_to("nowhere")
    assert codes(small_release) == ["E703"]


@pytest.mark.parametrize(
    ("dropped", "archives", "forged"),
    [
        ({"partition": None}, 4, "csv/home-2020.zip"),
        ({"year": None}, 4, PLACE),
        ({"partition": None, "year": None}, 1, "csv/home-all.zip"),
        ({"referring": False}, 7, PLACE),
    ],
)
def test_releases_of_policies_that_drop_more(
    tmp_path: Path, build_release: Build, dropped: dict[str, Any], archives: int, forged: str
) -> None:
    folder = tmp_path / "r"
    facts = build_release(folder, **dropped)
    assert len(facts.archives) == archives
    assert codes(folder, deep=True) == []
    rewrite_member(
        folder / forged, "recommendations.csv", lambda data: data.replace(b"step", b"stop")
    )
    reseal(folder)
    assert codes(folder) == []
    assert "E713" in codes(folder, deep=True)


def test_advice_of_another_year_in_one_archive_alone(tmp_path: Path, build_release: Build) -> None:
    """Where a child's year cannot be told, archives are still compared with each other."""
    folder = tmp_path / "r"
    build_release(folder, referring=False)
    rewrite_member(
        folder / "csv/home-2020.zip",
        "recommendations.csv",
        lambda data: data.replace(b"step", b"stop"),
    )
    reseal(folder)
    assert codes(folder, deep=True) == ["E713"]
