"""Files of an extract, appended chunk by chunk. The same rows give the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("csv", "csv.gz", "zip", "parquet")

_LEVEL = 1  # of deflate: an extract is written once and read once


@dataclass(frozen=True)
class ExtractFile:
    """One file of the extract: its name, rows, size in bytes and sha256 (hex), as stored."""

    name: str
    rows: int
    bytes: int
    sha256: str


class TableFile(ABC):
    """An open file of one table; ``write`` takes frames of String columns, all with one header."""

    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        self._path = path
        self._header = header
        self._rows = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Append the frame's rows."""
        self._rows += frame.height
        self._append(frame)

    def close(self) -> ExtractFile:
        """Finish the file and say what it is."""
        self._finish()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ExtractFile(self._path.name, self._rows, self._path.stat().st_size, digest)

    @abstractmethod
    def _append(self, frame: pl.DataFrame) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...


class CsvFile(TableFile):
    """RFC 4180, UTF-8, LF line ends, quotes where needed; compressed as the suffix says."""

    def __init__(
        self, path: Path, header: tuple[str, ...], member: str, *, headed: bool = True
    ) -> None:
        super().__init__(path, header)
        self._closing: list[BinaryIO | zipfile.ZipFile] = []
        self._out = self._open(member)
        if headed:
            self._out.write((",".join(header) + "\n").encode())

    def _open(self, member: str) -> BinaryIO:
        if self._path.suffix == ".zip":
            archive = zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
            self._closing.append(archive)
            # A member opened by name has no time but the format's first, 1980.
            return archive.open(member, "w", force_zip64=True)  # type: ignore[return-value]
        file = self._path.open("wb")
        self._closing.append(file)
        if self._path.suffix == ".gz":
            return gzip.GzipFile("", "wb", _LEVEL, file, mtime=0)  # type: ignore[return-value]
        return file

    def _append(self, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        frame.write_csv(buffer, include_header=False, quote_style="necessary")
        self._out.write(buffer.getbuffer())

    def _finish(self) -> None:
        self._out.close()
        for file in self._closing:
            file.close()


class ParquetFile(TableFile):
    """Parquet with all columns as text, as an extract has its faults."""

    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        super().__init__(path, header)
        self._schema = pa.schema([(name, pa.string()) for name in header])
        self._out = pq.ParquetWriter(path, self._schema, compression="zstd", store_schema=False)

    def _append(self, frame: pl.DataFrame) -> None:
        self._out.write_table(
            frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(self._schema)
        )

    def _finish(self) -> None:
        self._out.close()


def open_table(
    folder: Path, table: str, fmt: str, header: tuple[str, ...], *, headed: bool = True
) -> TableFile:
    """A new file of the table in the folder, in one of the ``FORMATS``; a CSV perhaps headless."""
    path = folder / f"{table}.{fmt}"
    if fmt == "parquet":
        return ParquetFile(path, header)
    return CsvFile(path, header, f"{table}.csv", headed=headed)
