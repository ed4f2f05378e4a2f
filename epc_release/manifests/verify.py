"""Is a release whole, and what it says it is? Nothing but the release is needed to tell.

Every finding is collected; nothing that a description says is trusted before it was compared. This
proves integrity. It does not prove origin: that needs a signature (``publish/origin.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.changed import inspect_changes
from epc_release.manifests.checksums import parse_checksums
from epc_release.manifests.counted import inspect_counted
from epc_release.manifests.deep import verify_rows
from epc_release.manifests.described import Described, UnsafePathError, read_descriptor
from epc_release.manifests.documents import Seen, verify_documents
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.inspect import inspect_archive, inspect_part
from epc_release.manifests.layout import (
    CHECKSUMS,
    DESCRIPTOR,
    DICTIONARY,
    ISSUES,
    LEDGER,
    PAGES,
    SIGNATURE,
    is_safe_path,
)
from epc_release.manifests.reader import FolderReader, Reader
from epc_release.manifests.report import Finding, VerifyReport

_SMALL = 256 << 20  # bytes; a description that is larger than this is not read
_BLOCK = 1 << 20


def verify(release: Path | Reader, *, deep: bool = False) -> VerifyReport:
    """Compare a release with its own description; ``deep`` reads every row too.

    Findings are in the order: paths, descriptor, files, hashes, counts, schemas, archives, rows,
    documents.
    Errors of the reader itself (network, credentials) are raised, not found.
    """
    reader = FolderReader(release) if isinstance(release, Path) else release
    findings: list[Finding] = []
    listing = _listing(reader, findings)
    sums = _sums(reader, listing, findings)
    described = _described(reader, listing, findings)
    findings += _compare_listing(listing, sums)
    hashes = _hash_all(reader, listing)
    findings += _compare_hashes(hashes, sums)
    if described is not None:
        files = described.files
        findings += _compare_files(files, listing, sums, hashes)
        sound = {path for path, file in files.items() if hashes.get(path) == file.sha256}
        findings += _compare_rows(reader, described, listing)
        inspected = list(_inspect(reader, described, sound))
        inspected += inspect_counted(reader, described, sound)
        inspected += inspect_changes(reader, described, sound)
        findings += inspected
        seen = None
        if deep:
            seen = Seen()
            readable = sound - {finding.path for finding in inspected}
            findings += verify_rows(reader, described, frozenset(readable), seen)
        findings += verify_documents(reader, described, sound, seen)
    return VerifyReport(
        release=described.release if described else "release",
        deep=deep,
        files=len(listing),
        bytes=sum(listing.values()),
        rows=sum(table.rows for table in described.tables) if described else 0,
        findings=tuple(findings),
    )


def _listing(reader: Reader, findings: list[Finding]) -> dict[str, int]:
    """Size by path of every file that is there."""
    found = {}
    for path in reader.list():
        if not is_safe_path(path):
            findings.append(_unsafe(path, "the release"))
            continue
        try:
            found[path] = reader.size(path)
        except FileNotFoundError:
            findings.append(Finding("E703", path, {"where": "the listing"}))
        except ReleaseError as error:
            if error.problem.code != "E507":
                raise
            findings.append(Finding("E703", path, {"where": "the listing"}))
    return found


def _unsafe(path: object, where: str) -> Finding:
    return Finding("E702", ascii(path)[:120], {"where": where})


def _read(reader: Reader, listing: dict[str, int], path: str) -> bytes:
    """A description's bytes. Raises ValueError where it is not there, or no text of that size."""
    if path not in listing:
        raise ValueError("it is missing")
    if listing[path] > _SMALL:
        raise ValueError("it is too large")
    with reader.open(path) as file:
        return file.read()


def _sums(reader: Reader, listing: dict[str, int], findings: list[Finding]) -> dict[str, str]:
    try:
        found = parse_checksums(_read(reader, listing, CHECKSUMS).decode())
    except ValueError as error:
        findings.append(Finding("E701", CHECKSUMS, {"problem": error}))
        return {}
    findings += [_unsafe(path, CHECKSUMS) for path in found if not is_safe_path(path)]
    return {path: digest for path, digest in found.items() if is_safe_path(path)}


def _described(
    reader: Reader, listing: dict[str, int], findings: list[Finding]
) -> Described | None:
    try:
        return read_descriptor(_read(reader, listing, DESCRIPTOR))
    except UnsafePathError as error:
        findings.append(_unsafe(str(error), DESCRIPTOR))
    except ValueError as error:
        findings.append(Finding("E701", DESCRIPTOR, {"problem": error}))
    return None


def _compare_listing(listing: dict[str, int], sums: dict[str, str]) -> Iterator[Finding]:
    for path in sorted(sums.keys() - listing.keys()):
        yield Finding("E703", path, {"where": CHECKSUMS})
    for path in sorted(listing.keys() - sums.keys() - {CHECKSUMS, SIGNATURE}):
        yield Finding("E704", path, {"where": CHECKSUMS})


def _hash_all(reader: Reader, listing: dict[str, int]) -> dict[str, str]:
    return {path: _sha256(reader, path) for path in listing if path != CHECKSUMS}


def _sha256(reader: Reader, path: str) -> str:
    digest = hashlib.sha256()
    with reader.open(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _compare_hashes(hashes: dict[str, str], sums: dict[str, str]) -> Iterator[Finding]:
    for path in sorted(hashes.keys() & sums.keys()):
        if hashes[path] != sums[path]:
            yield _other_hash(path, hashes[path], sums[path], CHECKSUMS)


def _other_hash(path: str, found: str, expected: str, where: str) -> Finding:
    return Finding("E705", path, {"found": found, "expected": expected, "where": where})


def _compare_files(
    files: dict[str, FileFacts],
    listing: dict[str, int],
    sums: dict[str, str],
    hashes: dict[str, str],
) -> Iterator[Finding]:
    """What the descriptor says of each file, against the file and against the checksums."""
    for path, file in files.items():
        if path not in listing:
            if path not in sums:
                yield Finding("E703", path, {"where": DESCRIPTOR})
            continue
        if file.bytes != listing[path]:
            told = {"found": listing[path], "expected": file.bytes, "where": DESCRIPTOR}
            yield Finding("E706", path, told)
        if file.sha256 != hashes[path]:
            yield _other_hash(path, hashes[path], file.sha256, DESCRIPTOR)
    for path in sorted(listing.keys() - files.keys()):
        folders = ("parquet/", "csv/", "aggregates/", "changes/", f"{PAGES}/", "index.")
        if path.startswith(folders) or path in (ISSUES, DICTIONARY):
            yield Finding("E704", path, {"where": DESCRIPTOR})


def _compare_rows(
    reader: Reader, described: Described, listing: dict[str, int]
) -> Iterator[Finding]:
    """Rows of files against their table, and of tables against the ledger."""
    for table in described.tables:
        rows = sum(part.rows or 0 for part in table.files)
        if rows != table.rows:
            told = {"found": rows, "expected": table.rows, "where": "its table in the descriptor"}
            yield Finding("E707", table.name, told)
    try:
        tables = json.loads(_read(reader, listing, LEDGER))["tables"]
        published = {str(name): counts["published"] for name, counts in tables.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Finding("E701", LEDGER, {"problem": "it is missing or not understood"})
        return
    rows_by_table = {table.name: table.rows for table in described.tables}
    for name in sorted({**published, **rows_by_table}):
        found, expected = rows_by_table.get(name, 0), published.get(name, 0)
        if found != expected:
            yield Finding("E707", name, {"found": found, "expected": expected, "where": LEDGER})


def _inspect(reader: Reader, described: Described, sound: set[str]) -> Iterator[Finding]:
    for table in described.tables:
        for part in table.files:
            if part.path in sound:
                with reader.open(part.path) as file:
                    yield from inspect_part(file, part, table)
    for archive in described.archives:
        if archive.path in sound:
            with reader.open(archive.path) as file:
                yield from inspect_archive(file, archive)
