"""The layouts in which the register's bulk files are known: the same records, the same release."""

from __future__ import annotations

import csv
import zipfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Rows = list[dict[str, str]]
TABLES = {"certificates": "domestic-certificates", "recommendations": "domestic-recommendations"}
KEYS = {"legacy": "LMK_KEY", "current": "certificate_number"}
CUTOFF = datetime(2026, 10, 1, tzinfo=UTC)


def read(source: Path) -> dict[str, Rows]:
    found = {}
    for member, table in TABLES.items():
        with (source / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
            found[member] = list(csv.DictReader(stream))
    return found


def write(folder: Path, name: str, rows: Rows) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def split(
    tables: dict[str, Rows], dialect: str, column: str, length: int
) -> dict[str, dict[str, Rows]]:
    """Records by the beginning of a certificate's column; recommendations with their parent."""
    key = KEYS[dialect]
    place = {row[key]: row[column][:length] or "unknown" for row in tables["certificates"]}
    found: dict[str, dict[str, Rows]] = defaultdict(lambda: defaultdict(list))
    for member, rows in tables.items():
        for row in rows:
            found[place.get(row[key], "unknown")][member].append(row)
    return found


def packed(folder: Path) -> Path:
    """A folder as one zip, with the files that the public archives hold beside the data."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(folder.rglob("*.csv")):
            target.write(file, str(file.relative_to(folder)))
        target.writestr("LICENCE.txt", "terms")
        target.writestr("schema.json", "{}")
    return archive


def sums(build: Callable[..., object], out: Path, *sources: Path) -> str:
    report = build(*sources, out=out, cutoff=CUTOFF)
    return (report.path / "SHA256SUMS").read_text(encoding="ascii")  # type: ignore[attr-defined, no-any-return]


def test_a_folder_for_each_authority_in_a_folder_or_a_zip(
    extract: Callable[..., Path], build: Callable[..., object], tmp_path: Path
) -> None:
    source = extract("legacy")
    folders = tmp_path / "all-domestic-certificates"
    for code, members in split(read(source), "legacy", "LOCAL_AUTHORITY", 9).items():
        for member, rows in members.items():
            write(folders / f"domestic-{code}-Some-Name", f"{member}.csv", rows)
    plain = sums(build, tmp_path / "a", *(source / f"{table}.csv" for table in TABLES.values()))
    assert sums(build, tmp_path / "b", folders) == plain
    assert sums(build, tmp_path / "c", packed(folders)) == plain


def test_a_file_for_each_year_in_a_zip(
    extract: Callable[..., Path], build: Callable[..., object], tmp_path: Path
) -> None:
    source = extract("current")
    files = tmp_path / "domestic"
    for year, members in split(read(source), "current", "lodgement_date", 4).items():
        for member, rows in members.items():
            write(files, f"{member}-{year}.csv", rows)
    plain = sums(build, tmp_path / "a", *(source / f"{table}.csv" for table in TABLES.values()))
    assert sums(build, tmp_path / "b", packed(files)) == plain
