"""What must not get out is not in a finished release, nor in what a build says or keeps.

The release is searched as its bytes are, and as every layer below them: members of zips, decoded
columns, dictionary entries that no row uses, pages, statistics and key-value metadata.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import epc_release
from epc_release.errors import ReleaseError
from epc_release.manifests import issues
from epc_release.manifests.layout import ISSUES
from epc_release.release import pipeline, resume
from epc_release.release.config import Settings
from epc_release.release.execute import SerialExecutor
from epc_release.release.leaks.scan import scan
from epc_release.release.prepare import Prepared, prepare
from epc_release.release.progress import Silent
from epc_release.release.report import BuildReport
from epc_release.schemas.gates import Gates

PACKAGE = Path(epc_release.__file__).parent
POLICIES = ("address-level", "deidentified")
SHORTEST = 8  # shorter values are everywhere by chance
ZSTD = bytes.fromhex("28b52ffd")
FILE_METADATA = {b"ARROW:schema", b"epc_release.schema"}
FIELD_METADATA = {b"description", b"unit", b"PARQUET:field_id"}

Run = Callable[..., subprocess.CompletedProcess[str]]


class Needles:
    """Values to look for in bytes, in every encoding, all in one pass."""

    def __init__(self, values: Iterable[str]) -> None:
        folded: list[bytes] = []
        exact: list[bytes] = []
        for value in values:
            assert len(value) >= SHORTEST, value
            folded += [found.lower() for found in _folded(value)]
            exact += _base64(value.encode())
        self.folded, self.exact = Index(folded), Index(exact)

    def found(self, data: bytes) -> set[bytes]:
        return {*self.folded.found(data.lower()), *self.exact.found(data)}


class Index:
    """Needles by their first eight bytes."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self.by_start: dict[bytes, set[bytes]] = {}
        for needle in needles:
            self.by_start.setdefault(needle[:SHORTEST], set()).add(needle)
        self.starts = np.sort(np.frombuffer(b"".join(self.by_start), dtype="<u8"))
        self.pairs = np.zeros(65536, dtype=bool)
        self.pairs[self.starts & 0xFFFF] = True

    def found(self, data: bytes) -> Iterator[bytes]:
        count = len(data) - SHORTEST + 1
        if count < 1:
            return
        array = np.frombuffer(data, dtype=np.uint8)
        pairs = array[:count].astype(np.uint16) | array[1 : count + 1].astype(np.uint16) << 8
        at = np.flatnonzero(self.pairs[pairs])
        words = np.zeros(len(at), dtype=np.uint64)
        for i in range(SHORTEST):
            words |= array[at + i].astype(np.uint64) << np.uint64(8 * i)
        near = self.starts[np.searchsorted(self.starts, words).clip(max=len(self.starts) - 1)]
        for place in at[near == words]:
            for needle in self.by_start[data[place : place + SHORTEST]]:
                if data.startswith(needle, place):
                    yield needle


def _folded(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield from (raw, value.encode("utf-16-le"), value.encode("utf-16-be"), raw.hex().encode())
    yield json.dumps(value).encode()[1:-1]
    for algorithm in ("md5", "sha1", "sha256"):
        yield hashlib.new(algorithm, raw, usedforsecurity=False).hexdigest()[:32].encode()


def _base64(raw: bytes) -> Iterator[bytes]:
    """As it stands within a longer text, whatever its place there: without the mixed ends."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + raw)
        inner = text[4 if shift else 0 : len(text) - 4]
        if len(inner) >= SHORTEST:
            yield inner


def layers(root: Path) -> Iterator[tuple[str, bytes]]:
    """Everything in a folder that could hold a value: (where, bytes)."""
    for path in sorted(root.rglob("*")):
        where = path.relative_to(root).as_posix()
        yield where, where.encode()
        if path.is_file():
            data = path.read_bytes()
            yield where, data
            if path.suffix == ".zip":
                yield from ((f"{where}!{name}", text) for name, text in _members(data))
            if path.suffix == ".parquet":
                yield where, b"\n".join(text for _, text in _decoded(data))


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield "comment", archive.comment
        for info in archive.infolist():
            yield info.filename, info.filename.encode() + info.extra + info.comment
            yield info.filename, archive.read(info)


def _decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=_texts(data))
    table = file.read()
    for name, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks:
            if isinstance(chunk, pa.DictionaryArray):
                words = chunk.dictionary.to_pylist()
                yield f"{name}, dictionary", "\n".join(map(str, words)).encode()
    yield "rows", "\n".join(map(str, table.to_pylist())).encode()
    yield "pages", b"\n".join(_pages(data))
    yield "statistics", "\n".join(_statistics(file.metadata)).encode()
    yield "metadata", str(file.schema_arrow.to_string(truncate_metadata=False)).encode()
    yield "metadata", str(dict(file.metadata.metadata or {})).encode()


def _texts(data: bytes) -> list[str]:
    schema = pq.read_schema(pa.BufferReader(data))
    return [field.name for field in schema if pa.types.is_string(field.type)]


def _statistics(metadata: pq.FileMetaData) -> Iterator[str]:
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            found = metadata.row_group(group).column(column).statistics
            if found is not None and found.has_min_max:
                yield f"{found.min_raw}\n{found.max_raw}\n{found.min}\n{found.max}"


def _pages(data: bytes) -> Iterator[bytes]:
    """Every zstd frame of a file, decompressed (RFC 8878, section 3.1.1: the frame header)."""
    source = pa.py_buffer(data)
    at = data.find(ZSTD)
    while at >= 0:
        flags = data[at + 4]
        wide, single = flags >> 6, flags >> 5 & 1
        start = at + 5 + (0 if single else 1) + (0, 1, 2, 4)[flags & 3]
        length = (1 if single else 0, 2, 4, 8)[wide]
        size = int.from_bytes(data[start : start + length], "little") + 256 * (wide == 1)
        with pa.CompressedInputStream(pa.BufferReader(source.slice(at)), "zstd") as stream:
            yield stream.read(size)
        at = data.find(ZSTD, at + 4)


def leaks(needles: Needles, found: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(where, needle) for where, data in found for needle in needles.found(data)]


def canaries(source: Path, policy: str) -> dict[tuple[str, str], set[str]]:
    """By (table, column); a value too short for a search among bytes must not be one."""
    listed: dict[tuple[str, str], set[str]] = {}
    with (source / "private" / "canaries.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["policy"] == policy:
                listed.setdefault((row["table"], row["column"]), set()).add(row["value"])
    return listed


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run(command, ...)``: the command line in a process of its own, with JSON logs."""

    def call(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "epc_release.release.cli", *map(str, command)],
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )

    return call


def test_the_search_finds_what_is_there() -> None:
    needles = Needles(["Canary bdfghjl"])
    word = "Canary bdfghjl"
    for text in (word.upper().encode(), word.encode("utf-16-le"), word.encode().hex().encode()):
        assert needles.found(b"...." + text + b"....")
    for shift in range(3):
        assert needles.found(b"??" + base64.b64encode(b"+" * shift + word.encode() + b"tail"))
    assert needles.found(hashlib.sha256(word.encode()).hexdigest().encode())
    table = pa.table({"a": pa.array([word, "seen"]).dictionary_encode().filter([False, True])})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    layered = dict(_decoded(sink.getvalue().to_pybytes()))
    assert needles.found(layered["a, dictionary"])
    assert needles.found(layered["pages"])
    assert not needles.found(b"Canary hjlqrst" * 100)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_canary_and_no_key_gets_out(
    extract: Callable[..., Path], run: Run, tmp_path: Path, policy: str
) -> None:
    source = extract("register")
    places = [tmp_path / name for name in ("out", "state", "work")]
    said = run(
        *("build", "--source", source, "--suppressions", source / "suppressions.csv"),
        *("--policy", policy, "--release", "t1", "--log-format", "json", "--jobs", 2),
        *(part for place in places for part in (f"--{place.name}", place)),
    )
    spoken = [("stdout", said.stdout.encode()), ("stderr", said.stderr.encode())]
    lines = [json.loads(line) for line in said.stderr.splitlines()]
    assert lines, "nothing was logged"
    listed = canaries(source, policy)
    assert len(listed) > 100
    needles = Needles({value for values in listed.values() for value in values})
    release = list(layers(tmp_path / "out" / "t1"))
    assert leaks(needles, release) == []
    assert leaks(needles, spoken) == []
    remembered = [p for p in (tmp_path / "state").rglob("*") if p.suffix in (".json", ".jsonl")]
    assert len(remembered) == (5 if policy == "deidentified" else 4)  # and the id of its cell key
    assert leaks(needles, ((p.name, p.read_bytes()) for p in remembered)) == []
    assert list((tmp_path / "work").iterdir()) == []

    kept = list(layers(tmp_path / "state"))
    assert leaks(_secrets(), [*release, *kept, *spoken]) == []
    assert leaks(Needles(["Fully double glazed", "no corridor"]), release), "pages were not read"


def _secrets() -> Needles:
    """The keys, and those derived from them, in the ways in which they could be written."""
    words, octets = set(), set()
    for variable, purpose in (
        ("EPC_RELEASE_KEY", b"pseudonym:certificate"),
        ("EPC_RELEASE_CELL_KEY", b"record-key:domestic-certificates"),
    ):
        raw = base64.b64decode(os.environ[variable])
        derived = hmac.digest(raw, purpose, "sha256")
        octets |= {raw, derived}
        words |= {os.environ[variable], raw.hex(), derived.hex()}
        words |= {raw.decode("latin-1"), derived.decode("latin-1")}
    found = Needles(words)
    found.exact = Index({*octets, *(n for few in found.exact.by_start.values() for n in few)})
    return found


def test_a_release_tells_nothing_of_where_and_when(
    extract: Callable[..., Path], run: Run, tmp_path: Path
) -> None:
    source = extract("register")
    moved = tmp_path / "moved extract"
    moved.mkdir()
    for path in source.glob("*.*"):
        (moved / path.name).write_bytes(path.read_bytes())
    folders = []
    for number, (origin, zone) in enumerate([(source, "UTC"), (moved, "Pacific/Auckland")], 1):
        home = tmp_path / ("somewhere" * number)
        run(
            *("build", "--source", origin, "--suppressions", origin / "suppressions.csv"),
            *("--policy", "deidentified", "--release", "t1", "--jobs", number),
            *(part for name in ("out", "state", "work") for part in (f"--{name}", home / name)),
            TZ=zone,
            LANG="C" if number == 1 else "C.UTF-8",
            PYTHONHASHSEED=str(number),
        )
        folders.append(home / "out" / "t1")
    contents = [
        {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in folders
    ]
    assert set(contents[0]) == set(contents[1])
    assert [name for name in contents[0] if contents[0][name] != contents[1][name]] == []
    words = {str(tmp_path), str(source), "somewhere", sys.prefix, socket.gethostname()}
    needles = Needles({word for word in words if len(word) >= SHORTEST})
    assert leaks(needles, layers(folders[0])) == []


def test_key_value_metadata_is_on_the_list(
    extract: Callable[..., Path], build: Callable[..., Any]
) -> None:
    release = build(extract("register"), policy="deidentified").path
    names = json.loads((release / "datapackage.json").read_text("utf-8"))["resources"]
    published = {f["name"] for r in names for f in r.get("schema", {}).get("fields", ())}
    for path in release.rglob("*.parquet"):
        file = pq.ParquetFile(path)
        assert set(file.metadata.metadata or {}) <= FILE_METADATA
        for field in file.schema_arrow:
            assert set(field.metadata or {}) <= FIELD_METADATA
            assert not pa.types.is_dictionary(field.type)
        hidden = pa.ipc.read_schema(
            pa.py_buffer(base64.b64decode((file.metadata.metadata or {})[b"ARROW:schema"]))
        )
        told = issues.COLUMNS if path == release / ISSUES else published
        assert set(hidden.names) == set(file.schema_arrow.names) <= set(told)
        assert set(hidden.metadata or {}) <= FILE_METADATA


def test_state_and_work_are_private_and_hold_no_key(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resume, "_remove", lambda _: None)  # work stays to be looked at
    build(extract("register", "zip"), policy="deidentified", suppressions=_list(extract))
    state = tmp_path / "state"
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in [state, *state.rglob("*")]}
    (scratch,) = (path for path in (state / "work").iterdir() if path.is_dir())
    assert modes[state] == modes[scratch.parent] == modes[scratch] == 0o700
    remembered = {p: mode for p, mode in modes.items() if scratch.parent not in (p, *p.parents)}
    assert {oct(mode) for p, mode in remembered.items() if p.is_dir()} == {"0o700"}
    assert {oct(mode) for p, mode in remembered.items() if p.is_file()} == {"0o600"}
    assert any(path.suffix == ".pickle" for path in modes)
    raw = [(str(p), p.read_bytes()) for p in modes if p.is_file()]
    assert len(raw) > 50
    assert leaks(_secrets(), raw) == []


def test_what_a_stopped_build_keeps_is_private_too(
    extract: Callable[..., Path],
    build: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def strict(settings: Settings) -> Prepared:
        found = prepare(settings)
        return replace(found, register=replace(found.register, gates=Gates(1, rejected=0.0)))

    monkeypatch.setattr(pipeline, "prepare", strict)
    state = tmp_path / "deep" / "state"
    with pytest.raises(ReleaseError, match="E301"):
        build(extract("register"), state=state, work=tmp_path / "scratch" / "work")
    kept = [state.parent, state, *state.rglob("*"), *(tmp_path / "scratch").rglob("*")]
    assert any(path.suffix == ".parquet" for path in kept)
    modes = {p: oct(stat.S_IMODE(p.stat().st_mode)) for p in kept}
    assert {p: m for p, m in modes.items() if m != ("0o700" if p.is_dir() else "0o600")} == {}


def _list(extract: Callable[..., Path]) -> Path:
    return extract("register", "zip") / "suppressions.csv"


# ------------------------------------------------- whatever a dropped column holds

SCHEMA = {
    "name": "trees",
    "fields": [
        {"name": "tree", "type": "string", "constraints": {"required": True}, "kind": "tree"},
        {"name": "place", "type": "string"},
        {"name": "planted", "type": "date"},
        {"name": "height", "type": "number"},
        {"name": "owner", "type": "string"},
        {"name": "value", "type": "integer"},
    ],
    "primaryKey": ["tree"],
}
REGISTER = """
name = "trees"
title = "A register of trees"
default_policy = "open"
timezone = "Europe/London"
licences = [{ name = "OGL-UK-3.0", title = "OGL", path = "https://example.org/ogl" }]
[tables.trees]
schema = "trees.schema.json"
partition = "place"
year = "planted"
sort = ["tree"]
archive = "trees"
member = "trees"
"""
POLICY = """
name = "open"
register = "trees"
title = "Trees without owners"
description = "Where trees stand."
access = "open"
contains_personal_data = false
fields = [
  { columns = ["tree"], rule = "pseudonymise", class = "key", why = "-", tables = ["trees"] },
  { columns = ["place", "planted"], rule = "keep", class = "key", why = "-", tables = ["trees"] },
  { columns = ["height"], rule = "keep", class = "other", why = "-", tables = ["trees"] },
  { columns = ["owner", "value"], rule = "drop", class = "other", why = "-", tables = ["trees"] },
]
"""
ROWS = [
    (f"T{n:04}", ("North", "South", "")[n % 3], f"20{10 + n}-05-01", f"{n}.5") for n in range(9)
]


def _trees(folder: Path) -> tuple[Path, Path]:
    (folder / "register" / "dialects").mkdir(parents=True)
    (folder / "register" / "register.toml").write_text(REGISTER, "utf-8")
    (folder / "register" / "trees.schema.json").write_text(json.dumps(SCHEMA), "utf-8")
    plain = 'name = "plain"\ntitle = "Plain"\ncase = "lower"\nscreened_upstream = []\n'
    (folder / "register" / "dialects" / "plain.toml").write_text(plain, "utf-8")
    (folder / "open.toml").write_text(POLICY, "utf-8")
    return folder / "register", folder / "open.toml"


def _released(hidden: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    """The files of a release of the trees, of which these are owners and values."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        register, policy = _trees(folder)
        with (folder / "trees.csv").open("w", encoding="utf-8", newline="") as file:
            names = [field["name"] for field in SCHEMA["fields"]]  # type: ignore[index]
            rows = [(*row, *cells) for row, cells in zip(ROWS, hidden, strict=True)]
            csv.writer(file).writerows([names, *rows])
        report = pipeline.build(
            Settings(
                register=str(register),
                sources=(str(folder / "trees.csv"),),
                policy=str(policy),
                out=folder / "out",
                state=folder / "state",
                release="t1",
                cutoff=datetime(2026, 1, 1, tzinfo=UTC),
                jobs=1,
                executor="serial",
            ),
            Silent(),
        )
        files = (p for p in report.path.rglob("*") if p.is_file())
        return {p.relative_to(report.path).as_posix(): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, bytes]]:
    """The release of the trees when nothing stands in the dropped columns, made once."""
    made: list[dict[str, bytes]] = []

    def release() -> dict[str, bytes]:
        if not made:
            made.append(_released([("", "")] * len(ROWS)))
        return made[0]

    return release


CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300),
    st.sampled_from(["=1+1", '"', "\r\n", "T0001", "NaN", "1" * 400, "\ufeff", "NULL", "North"]),
    st.integers().map(str),
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(CELL, CELL), min_size=len(ROWS), max_size=len(ROWS)))
def test_what_a_dropped_column_holds_changes_no_byte(
    without: Callable[[], dict[str, bytes]], hidden: list[tuple[str, str]]
) -> None:
    released = _released(hidden)
    assert [p for p in released if released[p] != without().get(p)] == []
    assert set(released) == set(without())


# ------------------------------------------------- whatever the rules are, and the columns hold

CANARY = "Canary" + "bdfghjlnpq"
RULES = {
    "drop": "",
    "redact": "pattern = 'Canary[a-z]+'",
    "keep_known": 'values = ["North", "South", "Trees without owners", "Where trees stand."]',
    "keep_matching": "pattern = '[a-z]{1,9}'",
    "pseudonymise": "",
}
WORDS = st.one_of(
    st.sampled_from(["North", "Trees without owners", "T0001", "abcdefgh", "1.5", "", "part", "é"]),
    st.just(CANARY),
    st.text("abcdefgh", min_size=7, max_size=9),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40).map(
        lambda text: f"{text} {CANARY}"
    ),
)


@st.composite
def hiding(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """(rule, class) of each further column, and the cells of each row."""
    kinds = st.sampled_from(["identifier", "key", "sensitive", "other"])
    columns = draw(st.lists(st.tuples(st.sampled_from([*RULES]), kinds), min_size=1, max_size=4))
    row = st.lists(WORDS, min_size=len(columns), max_size=len(columns))
    return columns, draw(st.lists(row, min_size=len(ROWS), max_size=len(ROWS)))


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(hiding())
def test_no_register_publishes_a_canary(
    made: tuple[list[tuple[str, str]], list[list[str]]],
) -> None:
    """And the build's own leak test sees nothing where there is nothing."""
    columns, cells = made
    with tempfile.TemporaryDirectory() as name:
        report = _generated(Path(name), columns, cells)
        found = list(layers(report.path))
        assert leaks(Needles([CANARY]), found) == []
        planted = Path(name) / "planted.txt"
        planted.write_text(CANARY, "utf-8")
        private = Path(name) / "state" / "t1" / "private"
        assert scan(report.path, private, planted, SerialExecutor(), Silent()).leaks == ()


def _generated(folder: Path, columns: list[tuple[str, str]], cells: list[list[str]]) -> BuildReport:
    register, policy = _trees(folder)
    names = [f"more_{number}" for number in range(len(columns))]
    fields = [{"name": name, "type": "string", "kind": "more"} for name in names]
    schema = {**SCHEMA, "fields": [*SCHEMA["fields"], *fields]}
    (register / "trees.schema.json").write_text(json.dumps(schema), "utf-8")
    more = "".join(
        f'[[fields]]\ncolumns = ["{name}"]\nrule = "{rule}"\nclass = "{column_class}"\n'
        f'why = "-"\ntables = ["trees"]\n{RULES[rule]}\n'
        for name, (rule, column_class) in zip(names, columns, strict=True)
    )
    first, listed = POLICY.split("fields = [\n")
    groups = [line.strip().strip("{},") for line in listed.strip().rstrip("]").splitlines()]
    given = "".join(
        "[[fields]]\n" + group.strip().replace(', rule', '\nrule').replace(', class', '\nclass')
        .replace(', why', '\nwhy').replace(', tables', '\ntables') + "\n"
        for group in groups
    )  # fmt: skip
    policy.write_text(first + given + more, "utf-8")
    with (folder / "trees.csv").open("w", encoding="utf-8", newline="") as file:
        head = [*(field["name"] for field in SCHEMA["fields"]), *names]  # type: ignore[index]
        rows = [(*row, "", "", *own) for row, own in zip(ROWS, cells, strict=True)]
        csv.writer(file).writerows([head, *rows])
    return pipeline.build(
        Settings(
            register=str(register),
            sources=(str(folder / "trees.csv"),),
            policy=str(policy),
            out=folder / "out",
            state=folder / "state",
            release="t1",
            cutoff=datetime(2026, 1, 1, tzinfo=UTC),
            jobs=1,
            executor="serial",
        ),
        Silent(),
    )
