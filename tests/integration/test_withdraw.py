"""One certificate leaves a line with three kept releases: its values are nowhere any more."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.leaks.needles import Needle, Needles
from epc_release.release.cli import main
from epc_release.release.publish.target import open_store

if TYPE_CHECKING:
    from tests.integration.conftest import Place

KEY = base64.b64encode(hashlib.sha256(b"a key for tests only").digest()).decode()
CELL_KEY = base64.b64encode(hashlib.sha256(b"a key for tables only").digest()).decode()
NIGHTS = ("2026-03-29", "2026-03-30", "2026-03-31")
_STORES = pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)


@pytest.fixture(scope="module", autouse=True)
def keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EPC_RELEASE_KEY", KEY)
        patch.setenv("EPC_RELEASE_CELL_KEY", CELL_KEY)
        yield


@dataclass(frozen=True)
class Line:
    """Releases under one policy (three, or one of the de-identified), their state and extract.

    ``number`` is a certificate with recommendations that is in all of them, ``told`` what they
    publish of it as its key.
    """

    policy: str
    releases: tuple[Path, ...]
    state: Path
    extract: Path
    number: str
    told: str


def build(line: Path, extract: Path, policy: str, release: str, *more: str) -> int:
    at = f"{release[:10]}T23:00:00+00:00"
    return main(
        [
            *("build", "--source", str(extract), "--policy", policy, "--release", release),
            *("--suppressions", str(extract / "suppressions.csv"), "--cutoff", at),
            *("--suppressions-as-of", at, "--jobs", "1", "--executor", "serial"),
            *("--out", str(line / "out"), "--state", str(line / "state"), *more),
        ]
    )


@pytest.fixture(scope="session")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Line]:
    home = tmp_path_factory.mktemp("lines")
    made: dict[str, Line] = {}

    def make(policy: str) -> Line:
        if policy not in made:
            made[policy] = _line(home / policy, policy)
        return made[policy]

    return make


def _line(home: Path, policy: str) -> Line:
    extract = home / "extract"
    assert main(["synth", str(extract), "--rows", "150", "--seed", "5"]) == 0
    releases: list[Path] = []
    for night in NIGHTS if policy == "address-level" else NIGHTS[:1]:
        more = ("--previous", str(releases[-1])) if releases else ()
        assert build(home, extract, policy, night, *more) == 0
        releases.append(home / "out" / night)
    rows = pl.read_csv(extract / "domestic-certificates.csv", infer_schema=False)
    name = next(n for n in rows.columns if n.lower() in ("certificate_number", "lmk_key"))
    published = column(releases[0], "domestic-certificates")
    children = set(column(releases[0], "domestic-recommendations"))
    for number in sorted(rows[name].drop_nulls()):
        told = number if policy == "address-level" else pseudonym(number)
        if told in published and told in children:
            return Line(policy, tuple(releases), home / "state", extract, number, told)
    raise AssertionError("no certificate is published with recommendations")


def pseudonym(number: str) -> str:
    import hmac

    secret = Keyring(base64.b64decode(KEY)).pseudonym_key("certificate")
    return hmac.new(secret.encode(), number.encode(), hashlib.sha256).hexdigest()[:32]


def column(release: Path, table: str) -> list[str]:
    parts = sorted((release / "parquet" / table).rglob("*.parquet"))
    return [
        str(value)
        for part in parts
        for value in pq.ParquetFile(part).read(columns=["certificate_number"]).column(0).to_pylist()
    ]


@dataclass
class Night:
    """A place where the three releases are public, and a state of its own."""

    line: Line
    uri: str
    state: Path
    suppressions: Path

    def publish(self, release: Path) -> None:
        common = ("--to", self.uri, "--state", str(self.state))
        assert main(["publish", str(release), *common, "--allow-synthetic"]) == 0
        assert main(["promote", release.name, *common, "--yes"]) == 0

    def opt_out(self, *more: str) -> None:
        listed = (self.line.extract / "suppressions.csv").read_text()
        events = [f"{self.line.number},opt_out,2026-04-01T09:00:00+01:00", *more]
        self.suppressions.write_text(listed.rstrip("\n") + "\n" + "\n".join(events) + "\n")

    def withdraw(self, *more: str) -> int:
        given = ("--suppressions", str(self.suppressions), "--policy", self.line.policy)
        common = ("--to", self.uri, "--state", str(self.state))
        return main(["withdraw", *given, *common, *(more or ("--yes",))])

    def stored(self) -> dict[str, bytes]:
        store = open_store(self.uri)
        return {info.path: read(store, info.path) for info in store.list()}

    def index(self) -> dict[str, Any]:
        told = json.loads(self.stored()["releases.json"])
        return {entry["id"]: entry for entry in told["releases"]}


def read(store: Any, path: str) -> bytes:
    with store.open(path) as stream:
        data: bytes = stream.read()
    return data


@pytest.fixture
def night(
    place: Place,
    lines: Callable[[str], Line],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Night:
    monkeypatch.chdir(tmp_path)
    line = lines(getattr(request, "param", "address-level"))
    shutil.copytree(line.state, tmp_path / "state")
    found = Night(line, place.uri, tmp_path / "state", tmp_path / "tonight.csv")
    for release in line.releases:
        found.publish(release)
    return found


def texts(path: str, data: bytes) -> Iterator[str]:
    """Every text of an object, unpacked and decoded by other programs than ours."""
    yield path
    if path.endswith(".parquet"):
        for values in pq.ParquetFile(io.BytesIO(data)).read().to_pydict().values():
            yield "\n".join(map(str, values))
    elif path.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            for name in zipped.namelist():
                yield from texts(f"{path}/{name}", zipped.read(name))
    elif path.endswith(".gz"):
        import gzip

        yield gzip.decompress(data).decode()
    yield data.decode("utf-8", "replace")


def holders(stored: dict[str, bytes], values: set[str]) -> set[str]:
    """Objects with one of the values, by this search and by the leak test's, which must agree."""
    needles = Needles(Needle(value, "withdrawn") for value in values)
    found = set()
    for path, data in stored.items():
        here = list(texts(path, data))
        plain = any(value in text for text in here for value in values)
        leaked = any(next(needles.found(text.encode()), None) for text in here)
        assert leaked or not plain
        if leaked:
            found.add(path)
    return found


def values_of(line: Line) -> set[str]:
    """Texts by which the certificate can be known."""
    return {line.number, line.number.replace("-", ""), line.told}


@_STORES
@pytest.mark.parametrize("night", ["address-level", "deidentified"], indirect=True)
def test_its_values_are_nowhere(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    sought = values_of(night.line)
    before = night.stored()
    held = {path.split("/")[0] for path in holders(before, sought)}
    nights = {release.name for release in night.line.releases}
    assert held == nights

    night.opt_out()
    capsys.readouterr()
    assert night.withdraw("--dry-run") == 0
    told = capsys.readouterr().out
    assert all(f"{release} holds withdrawn records" in told for release in nights)
    assert night.stored() == before
    assert night.withdraw() == 0

    after = night.stored()
    assert holders(after, sought) == set()
    index = night.index()
    for release in nights:
        entry = index[release]
        assert entry["status"] == "withdrawn"
        stub = json.loads(after[f"{release}/gone.json"])
        assert stub["status"] == "withdrawn"
        assert not any(value in json.dumps([entry, stub]) for value in sought)
    shown = "".join(capsys.readouterr()) + (night.state / "operations.jsonl").read_text()
    assert not any(value in shown for value in sought)

    assert night.withdraw() == 0
    assert night.stored() == after
    assert (night.state / "withdrawn-epc.csv").stat().st_mode & 0o777 == 0o600


def test_the_standing_list_keeps_it_out_of_later_builds(
    lines: Callable[[str], Line], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the extract's list never has the opt-out; a later opt-in brings it back."""
    monkeypatch.chdir(tmp_path)
    line = lines("address-level")
    night = Night(line, str(tmp_path / "public"), tmp_path / "state", tmp_path / "tonight.csv")
    shutil.copytree(line.state, night.state)
    for release in line.releases:
        night.publish(release)
    night.opt_out()
    common = ("--to", night.uri, "--state", str(night.state))

    # A release without it, whose list of changes tells which row of the old file is gone.
    tonight = tmp_path / "tonight"
    shutil.copytree(line.extract, tonight)
    shutil.copy(night.suppressions, tonight / "suppressions.csv")
    since = ("--previous", str(line.releases[-1]))
    assert build(tmp_path, tonight, line.policy, "2026-04-01", *since) == 0
    assert line.told not in column(tmp_path / "out" / "2026-04-01", "domestic-certificates")
    assert (tmp_path / "out" / "2026-04-01" / "changes" / NIGHTS[-1]).is_dir()
    night.publish(tmp_path / "out" / "2026-04-01")
    assert night.withdraw() == 0
    assert {entry["status"] for entry in night.index().values()} == {"withdrawn", "corrected"}
    assert night.index()["2026-04-01"]["status"] == "corrected"
    shutil.rmtree(night.state / "2026-04-01")  # whose list had the opt-out

    # What was built before is not published after.
    old = tmp_path / "old"
    shutil.copytree(line.releases[0], old / NIGHTS[0])
    elsewhere = ("--to", str(tmp_path / "elsewhere"), "--state", str(night.state))
    assert main(["publish", str(old / NIGHTS[0]), *elsewhere]) == 4

    assert build(tmp_path, line.extract, line.policy, "2026-04-02", *since) == 0
    clean = tmp_path / "out" / "2026-04-02"
    assert not (clean / "changes").exists()
    assert line.told not in column(clean, "domestic-certificates")
    assert line.told not in column(clean, "domestic-recommendations")
    assert main(["publish", str(clean), *common]) == 0
    assert night.index()["2026-04-02"]["status"] == "current"
    assert main(["verify", f"{night.uri}/2026-04-02", "--deep"]) == 0
    assert holders(night.stored(), values_of(line)) == set()
    assert night.withdraw("--yes") == 0
    assert night.index()["2026-04-02"]["status"] == "current"

    extract = tmp_path / "extract"
    shutil.copytree(line.extract, extract)
    with (extract / "suppressions.csv").open("a") as listed:
        listed.write(f"{line.number},opt_in,2026-04-02T10:00:00+01:00\n")
    assert build(tmp_path, extract, line.policy, "2026-04-03") == 0
    assert line.told in column(tmp_path / "out" / "2026-04-03", "domestic-certificates")
