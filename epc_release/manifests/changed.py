"""Are the lists of changes what the index says, the same in both forms, and do they end here?"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from typing import BinaryIO

import polars as pl
import pyarrow.parquet as pq

from epc_release.manifests.changes import DOCUMENT, Changes, read_document
from epc_release.manifests.content import csv_header, csv_lines
from epc_release.manifests.described import Described, DescribedChange
from epc_release.manifests.facts import FileFacts
from epc_release.manifests.inspect import DAMAGE, inspect_part
from epc_release.manifests.layout import CHANGES, partition_value
from epc_release.manifests.reader import Reader
from epc_release.manifests.report import Finding

_BATCH_ROWS, _BLOCK, _MOST_BYTES = 65_536, 1 << 20, 256 << 20


def inspect_changes(reader: Reader, described: Described, sound: set[str]) -> Iterator[Finding]:
    """Every file of changes that is ``sound``."""
    for change in described.changes:
        if change.file.path in sound:
            if change.kind == "index":
                yield from _index(reader, described, change)
            elif change.schema is not None:
                yield from _list(reader, change, sound)


def _list(reader: Reader, change: DescribedChange, sound: set[str]) -> Iterator[Finding]:
    """The footer of a list, and its CSV, which must hold the same rows."""
    path = change.file.path
    with reader.open(path) as file:
        wrong = list(inspect_part(file, change.file, change))
    yield from wrong
    text = path.removesuffix(".parquet") + ".csv.gz"
    if wrong or text not in sound:
        return
    try:
        with reader.open(path) as file:
            expected = _as_csv(file, change)
        with reader.open(text) as file:
            found = _unpacked(file, expected[1])
    except DAMAGE:
        yield Finding("E715", path, {"kind": "Parquet or CSV with canonical values"})
        return
    if found != expected:
        yield Finding("E716", text, {"problem": f"its rows are not those of {path}"})


def _as_csv(file: BinaryIO, change: DescribedChange) -> tuple[str, int]:
    """Hash and bytes of the CSV that a list gives."""
    names = change.schema.names if change.schema else ()
    head = csv_header(names)
    digest, size = hashlib.sha256(head), len(head)
    for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
        data = csv_lines(pl.DataFrame(pl.from_arrow(batch)).select(names)).data
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def _unpacked(file: BinaryIO, most: int) -> tuple[str, int]:
    """Hash and bytes of what a gzip file holds, of which little more than ``most`` is read."""
    digest, size = hashlib.sha256(), 0
    with gzip.GzipFile(fileobj=file) as stream:
        while size <= most and (block := stream.read(_BLOCK)):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _index(reader: Reader, described: Described, change: DescribedChange) -> Iterator[Finding]:
    """``changes.json`` against the descriptor."""
    path = change.file.path
    try:
        with reader.open(path) as file:
            told = read_document(file.read(_MOST_BYTES))
    except ValueError as error:
        yield Finding("E716", path, {"problem": error})
        return
    for problem in _problems(told, described, change):
        yield Finding("E716", path, {"problem": problem})


def _problems(told: Changes, described: Described, change: DescribedChange) -> Iterator[str]:
    if (told.old[0], told.new[0]) != (change.since, described.release):
        yield "it does not lead from where it says to this release"
    root = f"{CHANGES}/{change.since}/"
    if change.file.path != root + DOCUMENT:
        yield "it does not stand in the folder of the release that it begins with"
    listed = {
        root + file.path: (file.sha256, file.bytes, file.rows)
        for table in told.tables
        for file in (*table.records, *table.removed)
    }
    here = {
        each.file.path: _known(each.file)
        for each in described.changes
        if each.since == change.since and each.kind != "index"
    }
    if listed != here:
        yield "its lists are not those of the descriptor"
    after = {
        (table.name, each.value): (each.after.path, each.after.rows, each.after.content_sha256)
        for table in told.tables
        for each in table.partitions
        if each.after is not None
    }
    parts = {
        (table.name, partition_value(part.path)): (part.path, part.rows, part.content_sha256)
        for table in described.tables
        for part in table.files
    }
    if after != parts:
        yield "the partitions that it leads to are not those of the descriptor"


def _known(file: FileFacts) -> tuple[str, int, int | None]:
    return file.sha256, file.bytes, file.rows
