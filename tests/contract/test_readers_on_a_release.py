"""A release that was really built, read as its readers read it, by their tools."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import frictionless
import jsonschema
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from epc_release.release import pipeline
from epc_release.release.config import Settings
from epc_release.release.progress import Silent
from epc_release.release.synth import synthesise
from epc_release.schemas.load import load_register

README = Path(__file__).resolve().parents[2] / "README.md"
TABLE = "domestic-certificates"
CHILD = "domestic-recommendations"
PLACE = "local_authority"
KEY = base64.b64encode(hashlib.sha256(b"a key for tests only").digest()).decode()
CELL_KEY = base64.b64encode(hashlib.sha256(b"a key for tables only").digest()).decode()


@pytest.fixture(scope="module", params=["address-level", "deidentified"])
def public(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds ``public/first``, as README has it."""
    home = tmp_path_factory.mktemp(request.param)
    synthesise(
        home / "extract",
        rows=300,
        seed=3,
        register=load_register("epc"),
        dialect="register",
        format="csv",
        tables=None,
        progress=None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EPC_RELEASE_KEY", KEY)
        patch.setenv("EPC_RELEASE_CELL_KEY", CELL_KEY)
        settings = Settings(
            sources=(str(home / "extract"),),
            suppressions=home / "extract" / "suppressions.csv",
            policy=request.param,
            out=home / "public",
            state=home / "state",
            release="first",
            jobs=1,
        )
        pipeline.build(settings, Silent())
    return home


@pytest.fixture
def release(public: Path) -> Path:
    return public / "public" / "first"


def examples(language: str) -> list[str]:
    """The code blocks of README that show how a release is read."""
    section = README.read_text("utf-8").split("\n## Read a release\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def run(code: str) -> Any:
    """The value of the last expression of a script."""
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), "README.md", "exec"), names)
    return eval(compile(ast.Expression(last.value), "README.md", "eval"), names)


def by_place(table: Any) -> dict[Any, int]:
    found = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    return dict(found.rows())


def parts(release: Path, table: str) -> pl.DataFrame:
    """Every part read alone, by pyarrow: what the others must say as well."""
    files = sorted((release / "parquet" / table).glob("*/*.parquet"))
    return _sorted(pa.concat_tables(pq.ParquetFile(file).read() for file in files))


def _sorted(table: Any) -> pl.DataFrame:
    found = table if isinstance(table, pl.DataFrame) else pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found.sort(found.columns)


def test_readers_do_as_readme_shows(
    public: Path, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(public)
    expected = parts(release, TABLE)
    counts = by_place(expected.group_by(PLACE).len())
    assert len(counts) > 1
    (query,) = examples("sql")
    with duckdb.connect() as db:
        assert dict(db.execute(query).fetchall()) == counts
    readers = [code for code in examples("python") if not _absent(code)]
    assert len(readers) >= 2
    for result in map(run, readers):
        if isinstance(result, pl.DataFrame) and result.width == 2:
            assert by_place(result) == counts
        elif isinstance(result, pa.Table):
            assert _sorted(result).equals(expected)
        else:
            rows = pa.Table.from_pandas(result, schema=_schema(release), preserve_index=False)
            assert _sorted(rows).equals(expected)


def _absent(code: str) -> bool:
    return "pandas" in code and find_spec("pandas") is None


def _schema(release: Path) -> pa.Schema:
    return pq.read_schema(next((release / "parquet" / TABLE).glob("*/*.parquet")))


@pytest.mark.parametrize("table", [TABLE, CHILD])
def test_every_reader_sees_the_same_rows(release: Path, table: str) -> None:
    expected, folder = parts(release, table), release / "parquet" / table
    read = {
        "pyarrow.dataset, hive": ds.dataset(folder, partitioning="hive").to_table(),
        "pyarrow.parquet": pq.read_table(folder, partitioning=None),
        "polars, hive": pl.scan_parquet(folder, hive_partitioning=True).collect(),
        "polars, folder": pl.scan_parquet(folder, hive_partitioning=False).collect(),
    }
    with duckdb.connect() as db:
        for hive in ("true", "false"):
            query = f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning={hive})"
            relation = db.sql(f"SELECT * {query}")
            assert relation is not None
            read[f"duckdb, hive {hive}"] = relation.pl()
    for reader, found in read.items():
        rows = _sorted(found).select(expected.columns)
        assert rows.with_columns(pl.col(pl.Categorical).cast(pl.String)).equals(expected), reader


def test_partitions_are_pruned_by_their_paths(release: Path) -> None:
    folder = release / "parquet" / TABLE
    expected = parts(release, TABLE)
    place = expected[PLACE].drop_nulls()[0]
    rows = expected.filter(pl.col(PLACE) == place).height
    hive = ds.dataset(folder, partitioning="hive")
    assert len(list(hive.get_fragments(ds.field(PLACE) == place))) == 1
    assert hive.count_rows(filter=ds.field(PLACE) == place) == rows
    scan = pl.scan_parquet(folder, hive_partitioning=True).filter(pl.col(PLACE) == place)
    assert scan.select(pl.len()).collect().item() == rows


def test_pandas_reads_it(release: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(release / "parquet" / TABLE, partitioning=None)
    rows = pa.Table.from_pandas(frame, schema=_schema(release), preserve_index=False)
    assert _sorted(rows).equals(parts(release, TABLE))


def streamed(source: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Members of a zip from front to back, without its directory (APPNOTE 6.3.10, section 4.3)."""
    held = b""

    def take(count: int) -> bytes:
        nonlocal held
        while len(held) < count:
            block = source.read(4096)
            assert block, "the stream ends within a member"
            held += block
        found, held = held[:count], held[count:]
        return found

    def number(data: bytes, at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little")

    while (head := take(4)) == b"PK\x03\x04":
        head = take(26)
        flags, method, crc = number(head, 2, 2), number(head, 4, 2), number(head, 10, 4)
        packed, size = number(head, 14, 4), number(head, 18, 4)
        name = take(number(head, 22, 2)).decode("utf-8")
        extra = take(number(head, 24, 2))
        if size == packed == 0xFFFFFFFF:
            size, packed = number(extra, 4, 8), number(extra, 12, 8)
        if method == 0:
            data = take(packed)
        else:
            decoder, data = zlib.decompressobj(-15), b""
            while not decoder.eof:
                data += decoder.decompress(held or source.read(4096))
                held = decoder.unused_data
        if flags & 8:
            descriptor = take(16)
            crc, size = number(descriptor, 4, 4), number(descriptor, 12, 4)
        assert (zlib.crc32(data), len(data)) == (crc, size), name
        yield name, data
    assert head == b"PK\x01\x02"


def test_zips_are_read_alike_by_all(release: Path) -> None:
    archives = sorted((release / "csv").glob("*.zip"))
    assert len(archives) > 12
    unzip = shutil.which("unzip")
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            members = {name: archive.read(name) for name in archive.namelist()}
        assert set(members) >= {"LICENCE.txt"}
        with path.open("rb") as stream:
            assert list(streamed(stream)) == list(members.items())
        if unzip and path.stem.endswith(("-all", "2020", "unknown")):
            for name, data in members.items():
                done = subprocess.run([unzip, "-p", path, name], capture_output=True, check=True)
                assert done.stdout == data
            subprocess.run([unzip, "-tqq", path], check=True)


@pytest.mark.parametrize(
    ("archive", "member", "table"),
    [("domestic", "certificates", TABLE), ("domestic", "recommendations", CHILD)],
)
@pytest.mark.parametrize("cut", ["all", "years", "places"])
def test_csvs_hold_the_rows_of_the_parquet(
    release: Path, archive: str, member: str, table: str, cut: str
) -> None:
    pattern = {"all": "all", "years": "[0-9]*", "places": "[EWu]*"}[cut]
    rows: list[list[str]] = []
    for path in sorted((release / "csv").glob(f"{archive}-{pattern}.zip")):
        with zipfile.ZipFile(path) as source:
            for name in source.namelist():
                if name.startswith(member):
                    text = source.read(name).decode("utf-8")
                    assert text.endswith("\r\n")
                    rows += list(csv.reader(io.StringIO(text, newline="")))[1:]
    expected = parts(release, table)
    names = [name for name in expected.columns if not (table == CHILD and name == PLACE)]
    assert sorted(rows) == sorted([_text(v) for v in row] for row in expected.select(names).rows())


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, bool):
        return str(value).lower()
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else str(value)


def test_checksums_are_those_of_coreutils(release: Path) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("needs sha256sum")
    command = [tool, "--strict", "--quiet", "-c", "SHA256SUMS"]
    done = subprocess.run(command, cwd=release, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listed = {line[66:] for line in (release / "SHA256SUMS").read_text("utf-8").splitlines()}
    there = {p.relative_to(release).as_posix() for p in release.rglob("*") if p.is_file()}
    assert listed == there - {"SHA256SUMS"}


def test_the_descriptor_follows_the_profile(release: Path, shared_data: Path) -> None:
    profile = shared_data / "datapackage-profiles" / "2.0" / "datapackage.json"
    package = json.loads((release / "datapackage.json").read_text("utf-8"))
    validator = jsonschema.Draft7Validator(
        json.loads(profile.read_text("utf-8")), format_checker=jsonschema.FormatChecker()
    )
    assert [error.message for error in validator.iter_errors(package)] == []
    paths = [
        path
        for resource in package["resources"]
        for path in (resource["path"] if isinstance(resource["path"], list) else [resource["path"]])
    ]
    there = {p.relative_to(release).as_posix() for p in release.rglob("*.*") if p.is_file()}
    assert len(paths) == len(set(paths))
    assert set(paths) <= there
    assert {p for p in there if p.endswith((".parquet", ".zip"))} <= set(paths)


@pytest.mark.filterwarnings("ignore")  # of frictionless and pandas, not ours
def test_frictionless_finds_it_valid(release: Path) -> None:
    report = frictionless.validate(str(release / "datapackage.json"))
    assert report.flatten(["name", "type", "fieldName", "note"]) == []
    assert report.valid
    assert {task.name for task in report.tasks} >= {TABLE, CHILD}


@pytest.mark.filterwarnings("ignore")
def test_frictionless_finds_every_part_valid(release: Path) -> None:
    """Of a list of Parquet paths frictionless 5.21 reads one, so here each stands alone."""
    package = json.loads((release / "datapackage.json").read_text("utf-8"))
    for resource in (found for found in package["resources"] if found["name"] in (TABLE, CHILD)):
        schema = {k: v for k, v in resource["schema"].items() if k != "foreignKeys"}
        rows = 0
        for path in resource["path"]:
            alone = {"name": "part", "path": path, "format": "parquet", "schema": schema}
            described = {"resources": [alone]}
            report = frictionless.Package.from_descriptor(
                described, basepath=str(release)
            ).validate()
            assert report.flatten(["name", "type", "fieldName", "note"]) == []
            rows += report.tasks[0].stats["rows"]
        assert rows == parts(release, resource["name"]).height == resource["epcRelease"]["rows"]
