"""Where things stand in a release, and the order of its partitions and years.

The contract is "a release on disk and in the bucket" of the design: hive folders for Parquet, slugs
from the code list for archives, never a name made from data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

import polars as pl

from epc_release.errors import ReleaseError
from epc_release.schemas.register import CodeList

DESCRIPTOR, CHECKSUMS = "datapackage.json", "SHA256SUMS"
SIGNATURE = "SHA256SUMS.minisig"  # of the checksums, so it is not among them
LEDGER, QUALITY, DISCLOSURE = "ledger.json", "quality.json", "disclosure.json"
ISSUES, DICTIONARY = "quality/issues.parquet", "dictionary.csv"
CHANGES = "changes"  # below it a folder for each release that the lists begin with
PAGES = "pages"  # below it all pages but the first, and what they are styled with
LICENCE_MEMBER = "LICENCE.txt"
MISSING_PARTITION = "__HIVE_DEFAULT_PARTITION__"
UNKNOWN_YEAR = "unknown"

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SAFE_PATH = re.compile(r"[^\x00-\x1f\x7f\\:]+")


def part_path(table: str, column: str | None, value: str | None) -> str:
    """The Parquet part of one partition, relative to the release.

    ``column`` is the published partition column (None: the table is not partitioned); a missing
    ``value`` has hive's own name. Other values are percent-encoded, as hive readers expect.
    """
    if column is None:
        return f"parquet/{table}/part-0.parquet"
    folder = MISSING_PARTITION if value is None else quote(value, safe=" ")
    return f"parquet/{table}/{column}={folder}/part-0.parquet"


def partition_value(path: str) -> str | None:
    """The partition value that a part's path tells: the inverse of :func:`part_path`."""
    folder = path.split("/")[-2]
    _, _, value = folder.partition("=")
    return None if value in ("", MISSING_PARTITION) else unquote(value)


def partition_order(values: Iterable[str | None]) -> list[str | None]:
    """Partitions in the order in which archives hold them: by code point, the missing one last."""
    return sorted(values, key=lambda value: (value is None, value or ""))


def partition_archive(archive: str, value: str | None, codelist: CodeList | None) -> str:
    """The zip of one partition: the code list's slug, or a code that is one already.

    Raises E380 where the value is in no code list and is not letters, digits, ``_`` and ``-``.
    """
    if value is None:
        return f"csv/{archive}-unknown.zip"
    slug = codelist.slugs.get(value, value) if codelist else value
    if not _SAFE_NAME.fullmatch(slug):
        raise ReleaseError("E380", archive=archive)
    return f"csv/{archive}-{slug}.zip"


def year_archive(archive: str, year: str) -> str:
    """The zip of one year; rows without one have an archive that no partition's can be."""
    return f"csv/{archive}-{'unknown-year' if year == UNKNOWN_YEAR else year}.zip"


def all_archive(archive: str) -> str:
    """The zip of the whole table family."""
    return f"csv/{archive}-all.zip"


def year_label(column: str, dtype: pl.DataType) -> pl.Expr:
    """The label of a row's yearly archive: the first four digits of the year column, as String.

    A row without a value, or whose text does not begin with four digits, is ``unknown``.
    """
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        label = pl.col(column).dt.year().cast(pl.String).str.zfill(4)
    else:
        label = pl.col(column).cast(pl.String).str.extract(r"^(\d{4})", 1)
    return label.fill_null(UNKNOWN_YEAR)


def aggregate_path(name: str, form: str) -> str:
    """A table beside the records, as ``csv`` or ``parquet``."""
    return f"aggregates/{name}.{form}"


def is_safe_path(path: object) -> bool:
    """Whether a path may be used: relative, with ``/``, no empty, ``.`` or ``..`` segment.

    A release is not trusted before it is verified, so this is asked before anything is opened.
    """
    if not isinstance(path, str) or not _SAFE_PATH.fullmatch(path):
        return False
    return all(segment not in ("", ".", "..") for segment in path.split("/"))
