"""A release over HTTP: ranges, servers without them, redirects and lies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish.reader import open_reader

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Ranged(Quiet):
    """Serves ranges of ``release``; ``lie`` changes the bytes of an answer."""

    release: Path
    asked: list[str]
    lie: Any = None

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        file = self.release / self.path.lstrip("/").replace("%20", " ")
        if not file.is_file():
            self.send_error(404)
            return
        data, wanted = file.read_bytes(), self.headers.get("Range")
        if wanted:
            self.asked.append(wanted)
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            data = data[int(first) : int(last) + 1]
        sent = self.lie(data) if self.lie and wanted else data
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(sent)


@pytest.fixture
def serve() -> Iterator[Any]:
    running = []

    def serve(handler: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_release_is_read_by_ranges(make_release: MakeRelease, serve: Any) -> None:
    release = make_release(content=bytes(range(256)) * 8000)
    handler: Any = type("Handler", (Ranged,), {"release": release, "asked": []})
    reader = open_reader(serve(handler))
    found = sorted(p.relative_to(release).as_posix() for p in release.rglob("*") if p.is_file())
    assert reader.list() == found
    for path in found:
        assert reader.size(path) == (release / path).stat().st_size
        with reader.open(path) as file:
            assert file.read() == (release / path).read_bytes()
    handler.asked.clear()
    with reader.open("csv/domestic-E06000001-Hartlepool.zip") as file:
        file.seek(-4, 2)
        assert file.read() == bytes([252, 253, 254, 255])
    assert handler.asked == ["bytes=4095996-4095999"]
    with pytest.raises(ReleaseError) as caught:
        reader.open("absent")
    assert caught.value.problem.code == "E507"


def test_a_server_without_ranges(make_release: MakeRelease, serve: Any) -> None:
    release = make_release(content=b"0123456789" * 1000)

    class Whole(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(release))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    reader = open_reader(serve(Whole))
    with reader.open("csv/domestic-E06000001-Hartlepool.zip") as file:
        file.seek(-3, 2)
        assert file.read() == b"789"


def test_redirects_to_another_host_are_refused(make_release: MakeRelease, serve: Any) -> None:
    release = make_release()
    elsewhere = serve(type("Handler", (Ranged,), {"release": release, "asked": []}))

    class Elsewhere(Quiet):
        def do_HEAD(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{elsewhere}{self.path}")
            self.end_headers()

    with pytest.raises(ReleaseError) as caught:
        open_reader(serve(Elsewhere)).size("SHA256SUMS")
    assert caught.value.problem.code == "E500"


def test_short_answers_are_not_believed(make_release: MakeRelease, serve: Any) -> None:
    handler: Any = type(
        "Handler", (Ranged,), {"release": make_release(), "asked": [], "lie": lambda _, d: d[:-1]}
    )
    handler.protocol_version = "HTTP/1.0"
    reader = open_reader(serve(handler))
    with reader.open("ledger.json") as file, pytest.raises(ReleaseError) as caught:
        file.read()
    assert caught.value.problem.code == "E508"


def test_a_server_that_fails_or_is_not_there(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)

    class Failing(Quiet):
        def do_HEAD(self) -> None:
            self.send_error(503)

    for uri, code in ((serve(Failing), "E500"), ("http://127.0.0.1:1", "E501")):
        with pytest.raises(ReleaseError) as caught:
            open_reader(uri).size("SHA256SUMS")
        assert (caught.value.problem.code, caught.value.exit) == (code, 5)


def test_a_signed_place_is_verified_over_the_web(make_release: MakeRelease, serve: Any) -> None:
    from epc_release.manifests.minisign import SecretKey
    from epc_release.release.publish import origin
    from epc_release.release.publish.protocol import publish
    from epc_release.release.publish.seal import Seal

    key, now = SecretKey(b"k" * 32, b"the key!"), datetime(2026, 4, 1, tzinfo=UTC)
    release = make_release()
    public = release.parents[1] / "public"
    publish(release, public, verify=lambda _: None, seal=Seal(now, key=key))
    uri = serve(type("Place", (Ranged,), {"release": public, "asked": []}))
    assert origin.latest_of(open_reader(uri)) == "2026-03-31"

    def codes() -> set[str]:
        found = origin.verify_origin(
            open_reader(f"{uri}/2026-03-31"),
            lambda: open_reader(origin.parent(f"{uri}/2026-03-31")),
            origin.Expected((key.public,), now),
            remote=True,
        )
        return {finding.code for finding in found.findings}

    assert codes() == set()
    (public / "2026-03-31" / "SHA256SUMS.minisig").unlink()
    (public / "latest.json").unlink()
    assert codes() == {"E720", "E723"}
