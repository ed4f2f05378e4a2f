"""Old release + changes = new release, whatever the registers and however they changed."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epc_release.errors import ReleaseError
from epc_release.release.changes import compare, digests, patch, reading, streams
from epc_release.release.changes.apply import apply
from epc_release.release.changes.run import difference
from epc_release.release.execute import SerialExecutor
from epc_release.release.progress import Silent
from tests.small_releases import Shape, Small, content

PLACES = st.sampled_from(["E06000001", "E06000002", "W06000015", "a b/ü", None])
TEXT = st.sampled_from(["", "x", 'y, "quoted"', "=1+1", "ü", None])
NUMBER = st.sampled_from([0.0, -0.0, 1.5, 1e300, -2.0, None])
SHAPES = {
    "keyed": Shape(
        {
            "id": "string",
            "place": "string",
            "text": "string",
            "number": "number",
            "flag": "boolean",
            "day": "date",
            "time": "datetime",
        },
        key=("id",),
        partition="place",
    ),
    "keyless": Shape({"text": "string", "number": "number", "place": "string"}, (), "place"),
    "children": Shape(
        {"id": "string", "item": "integer", "text": "string", "place": "string"},
        key=("id", "item"),
        partition="place",
        inherited=("place",),
        parent="keyed",
    ),
    "flat": Shape({"id": "string", "text": "string"}, key=("id",)),
}
IDS = st.sampled_from(["1", "2", "3", "4", "5", "6", None])
ROWS: dict[str, Any] = {
    "keyed": st.tuples(
        IDS,
        PLACES,
        TEXT,
        NUMBER,
        st.sampled_from([True, False, None]),
        st.sampled_from([date(2024, 2, 29), None]),
        st.sampled_from([datetime(2024, 1, 1, 12, 0, 0, 5), None]),
    ),
    "keyless": st.tuples(TEXT, NUMBER, PLACES),
    "children": st.tuples(IDS, st.sampled_from([1, 2, None]), TEXT, PLACES),
    "flat": st.tuples(IDS, TEXT),
}


@st.composite
def registers(draw: st.DrawFn) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of some tables, in any order: so is that of children, which follows their parents."""
    return {
        name: draw(st.lists(rows, max_size=14))
        for name, rows in ROWS.items()
        if draw(st.sampled_from([True, True, True, False]))
    }


@st.composite
def chains(draw: st.DrawFn) -> list[dict[str, list[tuple[Any, ...]]]]:
    """Three registers, each made of the one before by small changes, or another one altogether."""
    found = [draw(registers())]
    for _ in range(2):
        if draw(st.booleans()):
            found.append(draw(registers()))
            continue
        after = {}
        for name, rows in found[-1].items():
            kept = [row for row in rows if draw(st.integers(0, 4))]
            kept += draw(st.lists(ROWS[name], max_size=3))
            after[name] = draw(st.permutations(kept)) if draw(st.booleans()) else kept
        found.append(after)
    return found


@contextmanager
def small_pieces() -> Iterator[None]:
    """Batches, windows, buckets and blocks of a few rows, so that small registers have many."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "HELD_CELLS", 40)
        patched.setattr(reading, "FRAME_ROWS", 6)
        patched.setattr(patch, "FRAME_ROWS", 6)
        patched.setattr(streams, "WINDOW_ROWS", 3)
        patched.setattr(digests, "_HELD_ROWS", 2)
        patched.setattr(compare, "BUCKET_ROWS", 4)
        patched.setattr(patch, "BLOCK_ROWS", 2)
        yield


def changes(old: Path, new: Path, out: Path) -> Path:
    with tempfile.TemporaryDirectory() as work:
        difference(str(old), str(new), out, Path(work), SerialExecutor(), Silent())
    return out


@settings(max_examples=20)
@given(chains())
def test_changes_of_a_chain_make_the_last_release(chain: list[dict[str, Any]]) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        with small_pieces():
            a, b, c = (
                Small(name, SHAPES, {**rows, "flat": rows.get("flat") or [("1", "x")]}).write(root)
                for name, rows in zip("abc", chain, strict=True)
            )
            first, second = changes(a, b, root / "ab"), changes(b, c, root / "bc")
            made = root / "made"
            chain_of = [str(first), str(second)]
            apply(str(a), chain_of, made, SerialExecutor(), Silent())
            assert content(made) == content(c)
            across = changes(a, c, root / "ac")
            apply(str(a), [str(across)], root / "at-once", SerialExecutor(), Silent())
            assert content(root / "at-once") == content(c)
            for old, new, lists in ((a, b, first), (b, c, second), (a, c, across)):
                compare_with_the_naive(old, new, lists)
    finally:
        shutil.rmtree(root)


def compare_with_the_naive(old: Path, new: Path, lists: Path) -> None:
    """The counts, against multisets of whole rows and of keys."""
    told = json.loads((lists / "changes.json").read_bytes())
    for table in told["tables"]:
        if table["status"] == "gone":
            continue
        name = table["name"]
        before, after = (Counter(rows_of(folder, name)) for folder in (old, new))
        fewer, more = before - after, after - before
        counts = {kind: table["counts"].get(kind, 0) for kind in ("added", "changed", "removed")}
        key = SHAPES[name].key
        at = [list(SHAPES[name].columns).index(column) for column in key]
        gone, come = (
            Counter(tuple(row[i] for i in at) for row in side.elements()) for side in (fewer, more)
        )
        both = sum((gone & come).values()) if key else 0
        assert counts == {
            "changed": both,
            "added": more.total() - both,
            "removed": fewer.total() - both,
        }


def rows_of(folder: Path, table: str) -> list[tuple[Any, ...]]:
    files = sorted((folder / "parquet" / table).rglob("*.parquet"))
    return [row for file in files for row in pl.read_parquet(file, hive_partitioning=False).rows()]


def test_a_recoded_authority_is_a_change_of_its_column(tmp_path: Path) -> None:
    rows = [(str(n), "E07000026", f"text {n}", None, None, None, None) for n in range(50)]
    recoded = [(row[0], "E06000063", *row[2:]) for row in rows]
    a = Small("a", SHAPES, {"keyed": rows}).write(tmp_path)
    b = Small("b", SHAPES, {"keyed": recoded}).write(tmp_path)
    lists = changes(a, b, tmp_path / "ab")
    (table,) = json.loads((lists / "changes.json").read_bytes())["tables"]
    assert table["counts"] == {"changed": 50}
    assert table["columns"] == {"place": 50}
    apply(str(a), [str(lists)], tmp_path / "made", SerialExecutor(), Silent())
    assert content(tmp_path / "made") == content(b)


def test_removed_records_leave_neither_key_nor_value(tmp_path: Path) -> None:
    rows = [(f"key-{n}", f"secret-{n}") for n in range(20)]
    a = Small("a", SHAPES, {"flat": rows}).write(tmp_path)
    b = Small("b", SHAPES, {"flat": rows[:3] + rows[4:]}).write(tmp_path)
    lists = changes(a, b, tmp_path / "ab")
    (removed,) = (lists / "flat" / "removed").glob("*.parquet")
    assert pl.read_parquet(removed).rows() == [(None, 3)]
    for file in lists.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            text = gzip.decompress(data) if file.suffix == ".gz" else data
            assert b"key-3" not in text
            assert b"secret-3" not in text


def test_the_same_bytes_again(tmp_path: Path) -> None:
    rows = [(str(n), "E06000001", "x", n / 7, None, None, None) for n in range(300)]
    a = Small("a", SHAPES, {"keyed": rows}).write(tmp_path)
    b = Small("b", SHAPES, {"keyed": [*rows[5:], ("new", *rows[0][1:])]}).write(tmp_path)
    left = tmp_path / ".one.part" / "keyed"  # by a run that was killed
    left.mkdir(parents=True)
    (left / "old").touch()
    one = changes(a, b, tmp_path / "one")
    with small_pieces():
        two = changes(a, b, tmp_path / "two")
    found = [
        {p.relative_to(lists): p.read_bytes() for p in lists.rglob("*") if p.is_file()}
        for lists in (one, two)
    ]
    assert found[0] == found[1]


def failing(old: str, lists: list[str], out: Path) -> tuple[str, int]:
    with pytest.raises(ReleaseError) as caught:
        apply(old, lists, out, SerialExecutor(), Silent())
    return caught.value.problem.code, caught.value.exit


def test_the_wrong_order_or_base_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    a, b, c = (
        Small(name, SHAPES, {"flat": [("1", name), ("2", "x")]}).write(tmp_path) for name in "abc"
    )
    first, second = changes(a, b, tmp_path / "ab"), changes(b, c, tmp_path / "bc")
    out = tmp_path / "out"
    assert failing(str(a), [str(second), str(first)], out) == ("E740", 7)
    assert failing(str(a), [str(second)], out) == ("E740", 7)
    assert failing(str(b), [str(first)], out) == ("E740", 7)
    other = Small("a", SHAPES, {"flat": [("1", "a"), ("2", "y")]}).write(tmp_path / "other")
    assert failing(str(other), [str(first)], out) == ("E740", 7)  # its name alone is no proof
    elsewhere = Small("a", SHAPES, {"flat": [("1", "a")]}, register="else").write(tmp_path / "e")
    assert failing(str(elsewhere), [str(first)], out) == ("E740", 7)
    assert failing(str(a), [str(a)], out) == ("E740", 7)
    assert failing(str(a), [str(tmp_path / "other")], out) == ("E741", 7)
    out.mkdir()
    (out / "mine").touch()
    assert failing(str(a), [str(first)], out) == ("E744", 2)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a", "b", "c", "ab", "bc", "out", "other", "e"}


def test_changes_that_lie_are_refused(tmp_path: Path) -> None:
    a = Small("a", SHAPES, {"flat": [("1", "a"), ("2", "x")]}).write(tmp_path)
    b = Small("b", SHAPES, {"flat": [("1", "b"), ("2", "x"), ("3", None)]}).write(tmp_path)
    good = changes(a, b, tmp_path / "ab")
    document = (good / "changes.json").read_text("utf-8")
    (records,) = (good / "flat" / "records").glob("*.parquet")
    out = tmp_path / "out"

    def lie(edit: Any) -> tuple[str, int]:
        told = json.loads(document)
        edit(told["tables"][0])
        (good / "changes.json").write_text(json.dumps(told), encoding="utf-8")
        return failing(str(a), [str(good)], out)

    def file(**other: Any) -> Any:
        return lambda table: table["records"][0].update(other)

    def after(**other: Any) -> Any:
        return lambda table: table["partitions"][0]["after"].update(other)

    assert lie(file(path="../../outside.parquet")) == ("E741", 7)
    assert lie(file(path="/etc/passwd")) == ("E741", 7)
    assert lie(file(hash="sha256:" + "0" * 64)) == ("E750", 7)
    assert lie(file(bytes=5)) == ("E748", 7)
    assert lie(file(bytes=-5)) == ("E741", 7)
    assert lie(after(path="../x")) == ("E741", 7)
    assert lie(after(path="SHA256SUMS")) == ("E741", 7)
    assert lie(after(rows=10**15)) == ("E743", 7)
    assert lie(after(rows=2)) == ("E743", 7)
    assert lie(after(content_sha256="0" * 64)) == ("E743", 7)
    assert lie(lambda table: table.update(name="../flat")) == ("E741", 7)
    assert lie(lambda table: table["partitions"][0].update(counts={})) == ("E743", 7)
    assert lie(lambda table: table.update(status="odd")) == ("E741", 7)
    (good / "changes.json").write_text("[" * 100_000, encoding="utf-8")
    assert failing(str(a), [str(good)], out) == ("E741", 7)
    (good / "changes.json").write_text(document, encoding="utf-8")
    records.write_bytes(records.read_bytes()[:-1] + b"x")
    assert failing(str(a), [str(good)], out) == ("E750", 7)
    assert not out.exists()


def test_other_columns_are_no_changes_but_another_table(tmp_path: Path) -> None:
    a = Small("a", SHAPES, {"flat": [("1", "a")]}).write(tmp_path)
    wider = {"flat": Shape({"id": "string", "text": "string", "more": "string"}, key=("id",))}
    b = Small("b", wider, {"flat": [("1", "a", "b")]}).write(tmp_path)
    lists = changes(a, b, tmp_path / "ab")
    (table,) = json.loads((lists / "changes.json").read_bytes())["tables"]
    assert (table["status"], table["records"]) == ("replaced", [])
    assert "more" in table["why"]
    assert failing(str(a), [str(lists)], tmp_path / "out") == ("E742", 7)


def test_a_new_key_of_pseudonyms_makes_no_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "FEW_ROWS", 10)
    a = Small("a", SHAPES, {"flat": [(f"a{n}", "x") for n in range(40)]}).write(tmp_path)
    b = Small("b", SHAPES, {"flat": [(f"b{n}", "x") for n in range(40)]}).write(tmp_path)
    lists = changes(a, b, tmp_path / "ab")
    (table,) = json.loads((lists / "changes.json").read_bytes())["tables"]
    assert table["status"] == "replaced"
    assert {path.name for path in lists.rglob("*")} == {"changes.json"}


def test_two_lines_cannot_be_compared(tmp_path: Path) -> None:
    a = Small("a", SHAPES, {"flat": [("1", "a")]}).write(tmp_path)
    b = Small("b", SHAPES, {"flat": [("1", "a")]}, register="other").write(tmp_path)
    for old in (a, b):
        with pytest.raises(ReleaseError) as caught:
            changes(old, b, tmp_path / "ab")
        assert (caught.value.problem.code, caught.value.exit) == ("E450", 2)
    assert not (tmp_path / "ab").exists()
