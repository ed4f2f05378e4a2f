"""What is found in files, folders and globs, and what is left alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from epc_release.release.source import Inventory, discover
from epc_release.schemas.register import Register

if TYPE_CHECKING:
    from tests.unit.release.source.conftest import FailsWith, Source

HOMES = "ID,NAME,CITY\n1,Ann,Leeds\n2,Bob,York\n"
VISITS = "ID,DAY,NOTE,BY\n1,Monday,fine,me\n"


def names(inventory: Inventory) -> list[str]:
    return [part.name for part in inventory.parts]


def test_folder_of_everything(source: Source) -> None:
    source.write("b/homes.csv", HOMES)
    source.write("a.csv", VISITS)
    source.gz("c.CSV.GZ", HOMES)
    source.zip("d.zip", {"x.csv": HOMES})
    source.write("private/canaries.csv", "secret\n")
    source.write("b/Private/homes.csv", HOMES)
    source.write("suppressions.csv", "certificate_number,event,time\n")
    source.write("columns.csv", "column,meaning\n")
    source.write("readme.md", "x")
    source.write(".hidden.csv", HOMES)
    source.write(".git/homes.csv", HOMES)
    found = source.discover()
    assert names(found) == ["in/a.csv", "in/b/homes.csv", "in/c.CSV.GZ", "in/d.zip!x.csv"]
    assert [part.kind for part in found.parts] == ["csv", "csv", "csv.gz", "zip"]
    assert [part.table for part in found.parts] == ["visits", "homes", "homes", "homes"]
    assert found.suppressions_seen == ("in/suppressions.csv",)
    assert dict(found.ignored) == {
        "in/private": "a private folder is never entered",
        "in/b/Private": "a private folder is never entered",
        "in/.git": "a hidden folder",
        "in/.hidden.csv": "a hidden file",
        "in/columns.csv": "describes the columns",
        "in/readme.md": "not a CSV, CSV.gz, zip or Parquet file",
    }
    assert found.of("visits") == found.parts[:1]


def test_globs(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x/2024.csv", "x/2025.csv", "y/2025.csv", "private/2025.csv"):
        source.write(name, HOMES)
    assert names(source.discover(source.root / "*/2025.csv")) == ["in/x/2025.csv", "in/y/2025.csv"]
    assert len(names(source.discover(source.root / "**/*.csv"))) == 3
    assert names(source.discover(source.root / "[xy]")) == [
        "in/x/2024.csv",
        "in/x/2025.csv",
        "in/y/2025.csv",
    ]
    monkeypatch.chdir(source.root)
    assert names(source.discover("x/*")) == ["x/2024.csv", "x/2025.csv"]
    assert names(source.discover(".")) == names(source.discover(source.root))


def test_name_with_the_characters_of_a_glob(source: Source) -> None:
    path = source.write("a[1]/homes*.csv", HOMES)
    assert names(source.discover(path)) == ["homes*.csv"]


def test_file_of_any_name_is_known_by_its_content(source: Source) -> None:
    plain = source.write("extract.txt", HOMES)
    zipped = source.zip("x.dat", {"homes.csv": HOMES})
    assert [p.kind for p in source.discover(plain, zipped).parts] == ["csv", "zip"]


@pytest.mark.parametrize("name", ["homes.zip", "homes.csv.gz", "homes.parquet"])
def test_content_that_is_not_what_the_name_says(
    source: Source, fails: type[FailsWith], name: str
) -> None:
    source.write(name, "<html>not found</html>")
    with fails("E208") as failed:
        source.discover()
    assert f"in/{name}" in failed.text


def test_forced_table(
    source: Source, fails: type[FailsWith], register_of: Callable[..., Register]
) -> None:
    same = register_of(first=("id", "note"), second=("id", "note"))
    path = source.write("a.csv", "ID,NOTE\n1,2\n")
    with fails("E126"):
        discover([str(path)], same)
    assert discover([f"second={path}"], same).parts[0].table == "second"
    with fails("E205") as failed:
        discover([f"third={path}"], same)
    assert "first, second" in failed.text
    with fails("E209"):
        discover([f"first={path}", f"second={path}"], same)


def test_path_with_an_equals_sign(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.write("city=Leeds/homes.csv", HOMES)
    monkeypatch.chdir(source.root)
    assert names(source.discover("city=Leeds")) == ["city=Leeds/homes.csv"]
    assert names(source.discover("./city=Lee*/homes.csv")) == ["in/city=Leeds/homes.csv"]
    assert names(source.discover("homes=city=Leeds")) == ["city=Leeds/homes.csv"]


def test_same_file_twice_is_read_once(source: Source) -> None:
    path = source.write("homes.csv", HOMES)
    (source.root / "link.csv").symlink_to(path)
    found = source.discover(source.root, path)
    assert names(found) == ["in/homes.csv"]
    assert [why for _, why in found.ignored] == ["the same file as in/homes.csv"] * 2


def test_files_of_one_name_are_told_apart(source: Source) -> None:
    first = source.write("a/homes.csv", HOMES)
    second = source.write("b/homes.csv", HOMES)
    assert names(source.discover(second, first)) == [str(first), str(second)]


def test_loops_and_dangling_links(source: Source, fails: type[FailsWith]) -> None:
    source.write("a/homes.csv", HOMES)
    (source.root / "a/up").symlink_to(source.root)
    found = source.discover()
    assert names(found) == ["in/a/homes.csv"]
    assert found.ignored == (("in/a/up", "a linked folder"),)
    (source.root / "ring.csv").symlink_to("ring.csv")
    with fails("E201"):
        source.discover()
    (source.root / "ring.csv").unlink()
    (source.root / "dangling.csv").symlink_to("nothing.csv")
    with fails("E201") as failed:
        source.discover()
    assert "in/dangling.csv" in failed.text


def test_sources_that_are_not_there(source: Source, fails: type[FailsWith]) -> None:
    with fails("E200"):
        discover([], source.register)
    for text in ("nowhere.csv", "homes=", ""):
        with fails("E201"):
            source.discover(text)
    for path in (source.root, source.root / "*.csv", "homes*/nothing*"):
        with fails("E202"):
            source.discover(path)
    source.write("readme.txt", "x")
    with fails("E202"):
        source.discover()


def test_special_files(source: Source, fails: type[FailsWith]) -> None:
    os.mkfifo(source.root / "pipe.csv")
    with fails("E201") as failed:
        source.discover()
    assert "not a regular file" in failed.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(source: Source, fails: type[FailsWith]) -> None:
    source.write("homes.csv", HOMES).chmod(0)
    with fails("E201"):
        source.discover()


def test_uris_that_are_refused_do_not_show_secrets(source: Source, fails: type[FailsWith]) -> None:
    for uri in ("s3://me:hunter2@bucket/x", "homes=https://me:hunter2@example.org/x"):
        with fails("E106") as failed:
            source.discover(uri)
        assert "hunter2" not in failed.text
    with fails("E204"):
        source.discover("https://example.org/homes.csv")
    with fails("E201"):
        source.discover("s3:///key")


def test_order_does_not_follow_the_arguments(source: Source) -> None:
    paths = [source.write(f"{name}.csv", HOMES) for name in "cab"]
    assert names(source.discover(*paths)) == ["a.csv", "b.csv", "c.csv"]


def test_real_files(shared_data: Path) -> None:
    from epc_release.schemas.load import load_register

    epc = load_register("epc")
    found = discover([str(shared_data / "epc/domestic-legacy-middlesbrough.csv")], epc)
    (part,) = found.parts
    assert (part.table, part.match.dialect.dialect) == ("domestic-certificates", "legacy")
