"""Fetching: from a folder, HTTP and S3; resumed after faults; from servers that lie."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from epc_release.errors import ReleaseError
from epc_release.manifests.checksums import checksums
from epc_release.manifests.facts import FileFacts
from epc_release.release.changes.apply import apply
from epc_release.release.changes.run import difference
from epc_release.release.execute import SerialExecutor
from epc_release.release.fetch import download
from epc_release.release.fetch.run import Fetched
from epc_release.release.fetch.run import fetch as run
from epc_release.release.progress import Silent
from epc_release.release.publish.stores import Headers
from tests.small_releases import Shape, Small, content

if TYPE_CHECKING:
    from tests.integration.conftest import Place

SHAPES = {
    "certificates": Shape(
        {"id": "string", "local_authority": "string", "text": "string"},
        key=("id",),
        partition="local_authority",
    ),
    "flat": Shape({"id": "string", "text": "string"}, key=("id",)),
}
PLACES = ("E06000001", "E06000063", None)
PART = "parquet/certificates/local_authority=E06000001/part-0.parquet"


def rows(day: str) -> dict[str, list[tuple[str | None, ...]]]:
    texts = [
        hashlib.sha256(f"{day if n < 20 else ''}{n}".encode()).hexdigest() for n in range(9000)
    ]
    return {
        "certificates": [(str(n), PLACES[n % 3], text) for n, text in enumerate(texts)],
        "flat": [(str(n), "x") for n in range(5)],
    }


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Releases of two days, the second with changes; ``latest.json`` beside them."""
    root = tmp_path_factory.mktemp("served")
    first, second = (
        Small(day, SHAPES, rows(day), register="epc").write(root) for day in ("mon", "tue")
    )
    lists = second / "changes" / "mon"
    work = tmp_path_factory.mktemp("work")
    difference(str(first), str(second), lists, work, SerialExecutor(), Silent())
    anew(second)
    sums = hashlib.sha256((second / "SHA256SUMS").read_bytes()).hexdigest()
    (root / "latest.json").write_text(json.dumps({"id": "tue", "sha256": sums}), "utf-8")
    return first, second


def anew(release: Path, **other: str) -> None:
    """The checksums of what stands there now; ``other`` paths are listed with another hash."""
    files = [p for p in release.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]
    listed = [
        FileFacts(p.relative_to(release).as_posix(), 0, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in files
    ]
    listed += [FileFacts(path, 0, digest) for path, digest in other.items()]
    (release / "SHA256SUMS").write_text(checksums(listed), encoding="utf-8")


class Handler(BaseHTTPRequestHandler):
    """Serves ranges of files below ``root``; faults are set on the class of a server."""

    root: Path
    asked: list[tuple[str, int]]
    ranges = True
    most: dict[str, int]  # by path: bytes after which the connection is cut, again and again
    sizes: dict[str, int]  # by path: another size than the file has
    lie: Callable[[str, bytes], bytes] | None = None
    location: str | None = None
    endless = False

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.lstrip("/").replace("%3D", "=")
        if self.location is not None:
            self.send_response(302)
            self.send_header("Location", self.location)
            self.end_headers()
            return
        file = self.root / path
        if not file.is_file():
            self.send_error(404)
            return
        data, first = file.read_bytes(), 0
        size = self.sizes.get(path, len(data))
        wanted = self.headers.get("Range") if self.ranges else None
        if wanted:
            low, _, high = wanted.removeprefix("bytes=").partition("-")
            first = int(low)
            data = data[first : int(high) + 1]
        if body:
            self.asked.append((path, first))
        if self.lie is not None:
            data = type(self).lie(path, data)  # type: ignore[misc]
        self.send_response(206 if wanted else 200)
        if not (self.endless and body):
            self.send_header("Content-Length", str(len(data) if wanted else size))
        self.end_headers()
        if body:
            self._send(data[: max(0, self.most[path] - first)] if path in self.most else data)

    def _send(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
            while self.endless:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            self.endless = False  # the other side has had enough


Serve = Callable[..., tuple[str, Any]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """``serve(root, **faults)``: address and handler of a server."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    running = []

    def start(root: Path, **faults: Any) -> tuple[str, Any]:
        members = {"root": root, "asked": [], "most": {}, "sizes": {}, **faults}
        if "lie" in faults:
            members["lie"] = staticmethod(faults["lie"])
        handler = type("Served", (Handler,), members)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", handler

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(uri: str, to: Path, *wheres: str, tables: tuple[str, ...] = ()) -> Fetched:
    return run(uri, to, tables, wheres, Silent())


def failing(uri: str, to: Path, *wheres: str, tables: tuple[str, ...] = ()) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        fetch(uri, to, *wheres, tables=tables)
    return caught.value


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def none_is_wrong(folder: Path, release: Path) -> None:
    """Every file under its own name is the release's."""
    for path, data in files(folder).items():
        if not path.endswith(".part"):
            assert data == (release / path).read_bytes()


def test_the_latest_release_is_fetched_whole_and_sha256sum_agrees(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    _, second = days
    for number, uri in enumerate((serve(second.parent)[0], str(second.parent), str(second))):
        to = tmp_path / str(number)
        report = fetch(uri, to)
        assert files(to) == files(second)
        assert (report.release, report.bytes) == ("tue", sum(map(len, files(second).values())))
        checked = subprocess.run(
            ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=to, check=False, capture_output=True
        )
        assert checked.returncode == 0


def test_from_a_real_server(days: tuple[Path, Path], s3_place: Place, tmp_path: Path) -> None:
    _, second = days
    store = s3_place.store()
    store.prepare()
    for path, data in files(second).items():
        digest = hashlib.sha256(data).hexdigest()
        store.put(f"tue/{path}", second / path, sha256=digest, headers=Headers("", ""))
    assert fetch(f"{s3_place.uri}/tue", tmp_path / "some", "local_authority=E06000001").files == 3
    fetch(f"{s3_place.uri}/tue", tmp_path / "all")
    assert files(tmp_path / "all") == files(second)


def test_only_what_is_asked_for_is_downloaded(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    first, _ = days
    uri, handler = serve(first)
    report = fetch(uri, tmp_path / "to", "local_authority=E06000001")
    assert {*files(tmp_path / "to")} == {"datapackage.json", "SHA256SUMS", PART}
    assert {path for path, _ in handler.asked} == {"datapackage.json", "SHA256SUMS", PART}
    assert report.bytes < report.whole / 2
    missing = fetch(uri, tmp_path / "to", "local_authority=", tables=("certificates",))
    assert missing.files == 3
    handler.asked.clear()
    fetch(uri, tmp_path / "to", tables=("certificates", "flat"))
    assert PART not in {path for path, _ in handler.asked}  # it is there already
    none_is_wrong(tmp_path / "to", first)


def test_what_cannot_be_asked_for(days: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = days
    to = tmp_path / "to"
    ended = failing(str(first), to, "local_authority=E07000026")
    assert (ended.problem.code, ended.exit) == ("E746", 2)
    assert "E06000063 (Cumberland)" in str(ended)
    assert "--where local_authority=E06000063" in ended.fix
    for wheres, tables, code in (
        (("local_authority=E09000001",), (), "E745"),
        ((), ("absent",), "E745"),
        (("text=x",), (), "E747"),
        (("local_authority=E06000001",), ("flat",), "E747"),
        (("local_authority",), (), "E747"),
    ):
        error = failing(str(first), to, *wheres, tables=tables)
        assert (error.problem.code, error.exit) == (code, 2)
    assert not to.exists()
    fetch(str(first), to, tables=("flat",))
    before = files(to)
    assert failing(str(second), to).problem.code == "E751"
    assert files(to) == before


def test_a_cut_download_is_resumed_where_it_ended(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = days
    monkeypatch.setattr("epc_release.release.publish.ranges._FIRST", 8 << 10)
    monkeypatch.setattr("epc_release.release.publish.ranges._LARGEST", 8 << 10)
    monkeypatch.setattr(download, "_BLOCK", 8 << 10)
    uri, handler = serve(first, most={PART: 40_000})
    assert failing(uri, tmp_path / "to").exit == 5
    held = (tmp_path / "to" / f"{PART}.part").stat().st_size
    assert held > 0
    none_is_wrong(tmp_path / "to", first)
    assert not (tmp_path / "to" / "SHA256SUMS").exists()
    handler.most.clear()
    handler.asked.clear()
    fetch(uri, tmp_path / "to")
    starts = [at for path, at in handler.asked if path == PART and at > 0]
    assert min(starts) >= held
    assert files(tmp_path / "to") == files(first)


def test_what_an_earlier_run_left_is_not_believed(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    first, _ = days
    uri, _ = serve(first)
    partial = tmp_path / "to" / f"{PART}.part"
    partial.parent.mkdir(parents=True)
    for left in (b"wrong", bytes(10**6), b""):
        partial.write_bytes(left)
        (tmp_path / "to" / PART).unlink(missing_ok=True)
        fetch(uri, tmp_path / "to")
        assert files(tmp_path / "to") == files(first)
    (tmp_path / "to" / PART).write_bytes(b"damaged here")
    fetch(uri, tmp_path / "to")
    assert files(tmp_path / "to") == files(first)


@pytest.mark.parametrize("ranges", [True, False])
def test_wrong_bytes_are_never_kept(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path, ranges: bool
) -> None:
    first, _ = days

    def lie(path: str, data: bytes) -> bytes:
        return bytes(len(data)) if path == PART else data

    uri, _ = serve(first, lie=lie, ranges=ranges)
    error = failing(uri, tmp_path / "to")
    assert (error.problem.code, error.exit) == ("E750", 7)
    assert PART not in files(tmp_path / "to")
    assert f"{PART}.part" not in files(tmp_path / "to")
    none_is_wrong(tmp_path / "to", first)


def test_of_endless_answers_no_more_is_read_than_was_asked_for(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    first, _ = days
    uri, _ = serve(first, endless=True)
    fetch(uri, tmp_path / "to")
    assert files(tmp_path / "to") == files(first)
    uri, _ = serve(first, endless=True, ranges=False)
    error = failing(uri, tmp_path / "none")  # a file that goes on after its end is refused
    assert (error.problem.code, error.exit) == ("E508", 5)
    assert not (tmp_path / "none").exists()


def test_sizes_are_compared_before_anything_is_downloaded(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = days
    for size in (10**15, 3):
        uri, handler = serve(first, sizes={PART: size})
        assert failing(uri, tmp_path / "to").problem.code == "E748"
        assert PART not in {path for path, _ in handler.asked}
    for path in ("SHA256SUMS", "datapackage.json"):
        uri, handler = serve(first, sizes={path: 10**15})
        assert failing(uri, tmp_path / "to").problem.code == "E748"
        assert path not in {asked for asked, _ in handler.asked}
    uri, handler = serve(first)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 10**5))
    error = failing(uri, tmp_path / "to")
    assert (error.problem.code, error.exit) == ("E749", 5)
    assert PART not in {path for path, _ in handler.asked}


def test_redirects_lead_nowhere(days: tuple[Path, Path], serve: Serve, tmp_path: Path) -> None:
    first, _ = days
    elsewhere, _ = serve(first)
    for location in (f"{elsewhere}/SHA256SUMS", "file:///etc/passwd", "ftp://127.0.0.1/x"):
        uri, _ = serve(first, location=location)
        assert failing(uri, tmp_path / "to").exit == 5
    assert not (tmp_path / "to").exists()


def hostile(first: Path, root: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """The release with another descriptor, and checksums that bear it out."""
    release = root / "hostile"
    shutil.copytree(first, release)
    told = json.loads((release / "datapackage.json").read_bytes())
    edit(told)
    (release / "datapackage.json").write_text(json.dumps(told), encoding="utf-8")
    extra = {
        file["path"]: file["hash"].removeprefix("sha256:")
        for table in told["resources"]
        for file in table["files"]
        if not (release / file["path"]).is_file()
    }
    anew(release, **extra)
    return release


@pytest.mark.parametrize(
    "path", ["../outside", "/tmp/outside", "a/../../outside", "c:\\outside", "a//b", "x\x00y"]
)
def test_paths_stay_inside(days: tuple[Path, Path], tmp_path: Path, path: str) -> None:
    def edit(told: dict[str, Any]) -> None:
        told["resources"][0]["path"][0] = told["resources"][0]["files"][0]["path"] = path

    release = hostile(days[0], tmp_path, edit)
    before = {*tmp_path.rglob("*")}
    error = failing(str(release), tmp_path / "to")
    assert error.problem.code in ("E616", "E619")
    assert error.exit == 7
    assert {*tmp_path.rglob("*")} == before


def test_a_release_that_would_fill_the_disk(days: tuple[Path, Path], tmp_path: Path) -> None:
    def edit(told: dict[str, Any]) -> None:
        told["resources"][0]["files"][0]["bytes"] = 10**18

    error = failing(str(hostile(days[0], tmp_path, edit)), tmp_path / "to")
    assert (error.problem.code, error.exit) == ("E749", 5)


def test_a_mixture_of_two_releases(days: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = days
    mixed = tmp_path / "mixed"
    shutil.copytree(second, mixed)
    shutil.copy(first / "datapackage.json", mixed)
    assert failing(str(mixed), tmp_path / "to").problem.code == "E753"
    root = tmp_path / "root"
    shutil.copytree(first, root / "mon")
    shutil.copy(second.parent / "latest.json", root)
    (root / "latest.json").write_text(
        (root / "latest.json").read_text("utf-8").replace("tue", "mon"), encoding="utf-8"
    )
    assert failing(str(root), tmp_path / "to").problem.code == "E753"
    for release in ("../mon", "", 5):
        (root / "latest.json").write_text(json.dumps({"id": release, "sha256": ""}), "utf-8")
        assert failing(str(root), tmp_path / "to").problem.code == "E619"
    assert not (tmp_path / "to").exists()


def test_links_are_not_followed(days: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = days
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine", encoding="utf-8")
    for number, link in enumerate(("parquet", PART, f"{PART}.part", "datapackage.json")):
        to = tmp_path / f"to-{number}"
        (to / link).parent.mkdir(parents=True)
        (to / link).symlink_to(outside if link == "parquet" else outside / "mine")
        error = failing(str(first), to)
        assert (error.problem.code, error.exit) == ("E752", 7)
        assert files(outside) == {"mine": b"mine"}


def test_changes_are_applied_from_afar(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    first, second = days
    uri, handler = serve(second)
    made = apply(str(first), [uri], tmp_path / "made", SerialExecutor(), Silent())
    assert content(tmp_path / "made") == content(second)
    assert not [path for path, _ in handler.asked if path.startswith("parquet/")]
    assert made.bytes < sum(map(len, files(second / "parquet").values())) / 2


def test_some_partitions_are_followed_alone(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    first, second = days
    held, made = tmp_path / "held", tmp_path / "made"
    fetch(str(first), held, "local_authority=E06000001")
    uri, handler = serve(second)
    with pytest.raises(ReleaseError) as caught:
        apply(str(held), [uri], made, SerialExecutor(), Silent())
    assert (caught.value.problem.code, caught.value.exit) == ("E754", 7)
    assert "--parts" in caught.value.fix
    apply(str(held), [uri], made, SerialExecutor(), Silent(), some=True)
    assert content(made) == {PART: content(second)[PART]}
    assert not [path for path, _ in handler.asked if "/flat/" in path]
    again = tmp_path / "again"
    (held / PART).unlink()
    with pytest.raises(ReleaseError) as caught:
        apply(str(held), [uri], again, SerialExecutor(), Silent(), some=True)
    assert caught.value.problem.code == "E754"


GUIDE = Path(__file__).parents[2] / "docs" / "fetch.md"


def guide(language: str, word: str) -> str:
    """The code block of the guide with this word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text("utf-8"), re.S | re.M)
    (found,) = (block for block in blocks if word in block)
    return str(found)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_and_sha256sum_are_enough(
    days: tuple[Path, Path], serve: Serve, tmp_path: Path
) -> None:
    _, second = days
    uri, handler = serve(second)
    for folder, script in (
        ("part", guide("sh", "--ignore-missing SHA256SUMS\n")),
        ("whole", "release=\n" + guide("sh", "IFS= read")),
    ):
        to = tmp_path / folder
        to.mkdir()
        lines = [
            f"release={uri}" if line.startswith("release=") else line
            for line in script.replace("domestic-certificates", "certificates").splitlines()
        ]
        if folder == "whole":
            shutil.copy(second / "SHA256SUMS", to)
        subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=to, check=True, capture_output=True)
        none_is_wrong(to, second)
    assert {*files(tmp_path / "part")} == {"SHA256SUMS", PART}
    assert files(tmp_path / "whole") == files(second)
    assert handler.asked


def test_duckdb_is_enough_to_follow(days: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = days
    (tmp_path / "old").symlink_to(first)
    (tmp_path / "new").symlink_to(second)
    query = guide("sql", "left_place").replace("TABLE", "certificates").replace("OLD", "mon")
    query = query.replace("'old/", f"'{tmp_path}/old/").replace("'new/", f"'{tmp_path}/new/")
    names = ["id", "local_authority", "text"]
    query = f"SELECT {', '.join(names)} FROM ({query.strip().rstrip(';')})"
    rows = duckdb.connect().execute(query).fetchall()
    found = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").sort(names)
    expected = pl.read_parquet(second / "parquet" / "certificates", hive_partitioning=False)
    assert_frame_equal(found, expected.select(names).sort(names))
