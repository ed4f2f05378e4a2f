"""Sources in an S3-compatible store (moto's server on this machine)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from epc_release.release.source import check_control, chunks, read_chunk, s3
from epc_release.release.source.stream import Digests

if TYPE_CHECKING:
    from tests.unit.release.source.conftest import FailsWith, Source

HOMES = "ID,NAME,CITY\n1,Ann,Leeds\n2,Bob,York\n"
ROWS = [
    {"id": "1", "name": "Ann", "city": "Leeds"},
    {"id": "2", "name": "Bob", "city": "York"},
]


class Bucket:
    """Called, it puts an object and gives its URI."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, key: str, content: bytes | str) -> str:
        body = content.encode() if isinstance(content, str) else content
        boto3.client("s3").put_object(Bucket=self.name, Key=key, Body=body)
        return f"s3://{self.name}/{key}"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-2",
    }.items():
        monkeypatch.setenv(name, value)
    s3._client.cache_clear()
    client = boto3.client("s3")
    name = f"b{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})

    yield Bucket(name)
    s3._client.cache_clear()


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"ID": [1, 2], "NAME": ["Ann", "Bob"], "CITY": ["Leeds", "York"]}), out)
    return out.getvalue()


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("x/homes.csv", HOMES),
        ("x/homes.csv.gz", gzip.compress(HOMES.encode(), mtime=0)),
        ("x/homes.zip", zipped(homes=HOMES)),
        ("x/homes.parquet", parquet()),
    ],
)
def test_objects_of_each_kind(
    source: Source, bucket: Bucket, key: str, content: bytes | str, chunk_bytes: int
) -> None:
    uri = bucket(key, content)
    assert source.rows(uri, chunk_bytes=chunk_bytes) == ROWS


def test_object_over_several_ranges(source: Source, bucket: Bucket) -> None:
    rows = "".join(f"{n},{'x' * 50},y\n" for n in range(200_000))
    uri = bucket("homes.csv", HOMES + rows)
    ids = [row["id"] for row in source.rows(uri, chunk_bytes=3 << 20)]
    assert ids == ["1", "2", *map(str, range(200_000))]


def test_prefixes_and_globs(source: Source, bucket: Bucket) -> None:
    for key in ("a/1.csv", "a/2.csv", "a/private/3.csv", "a/.4.csv", "a/readme.md", "ab/5.csv"):
        bucket(key, HOMES)
    bucket("a/folder/", "")
    bucket("a/suppressions.csv", "x")
    root = f"s3://{bucket.name}"

    def keys(*uris: str) -> list[str]:
        return [p.name.removeprefix(f"{root}/") for p in source.discover(*uris).parts]

    assert keys(f"{root}/a") == keys(f"{root}/a/") == ["a/1.csv", "a/2.csv"]
    assert keys(f"{root}/a*/[25].csv") == ["a/2.csv", "ab/5.csv"]
    assert keys(root) == ["a/1.csv", "a/2.csv", "ab/5.csv"]
    assert keys(f"homes={root}/ab/5.csv") == ["ab/5.csv"]
    found = source.discover(f"{root}/a")
    assert found.suppressions_seen == (f"{root}/a/suppressions.csv",)
    assert (f"{root}/a/private/3.csv", "a private folder is never entered") in found.ignored


def test_control_file(source: Source, bucket: Bucket) -> None:
    uri = bucket("night/homes.csv", HOMES)
    data = HOMES.encode()
    file = {
        "path": "homes.csv",
        "rows": 2,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    control = {
        "version": 1,
        "register": "trial",
        "snapshot_time": "2026-05-01T00:00:00Z",
        "tables": {"homes": {"rows": 2, "files": [file]}},
    }
    bucket("night/extract.json", json.dumps(control))
    found = source.discover(uri.rpartition("/")[0])
    digests: Digests = {}
    read = list(chunks(found.parts, work=source.work, chunk_bytes=100, digests=digests))
    check_control(found, digests, {uri: sum(read_chunk(c).rows for c in read)})


def test_object_that_is_replaced(source: Source, bucket: Bucket, fails: type[FailsWith]) -> None:
    uri = bucket("homes.csv", HOMES)
    table = bucket("homes.parquet", parquet())
    found = source.discover(uri, table)
    (chunk,) = chunks(found.parts[1:], work=source.work, chunk_bytes=100)
    bucket("homes.csv", HOMES.replace("Ann", "Eve"))
    bucket("homes.parquet", parquet() + b"PAR1")
    with fails("E207"):
        list(chunks(found.parts[:1], work=source.work, chunk_bytes=100))
    with fails("E207"):
        read_chunk(chunk)


def test_what_is_not_there(source: Source, bucket: Bucket, fails: type[FailsWith]) -> None:
    with fails("E250"):
        source.discover("s3://no-such-bucket-anywhere/x")
    with fails("E202"):
        source.discover(f"s3://{bucket.name}/nothing")


def test_no_credentials_and_no_network(
    source: Source,
    bucket: Bucket,
    fails: type[FailsWith],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    uri = bucket("homes.csv", HOMES)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3._client.cache_clear()
    with fails("E252") as failed:
        source.discover(uri)
    assert failed.error is not None
    assert failed.error.exit == 5
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3._client.cache_clear()
    with fails("E251"):
        source.discover(uri)
