"""Parquet by row groups: typed columns become the text that a CSV of the register would hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from epc_release.errors import ReleaseError
from epc_release.release.disk import private
from epc_release.release.source.location import Location, check_unchanged, opened
from epc_release.release.source.model import Chunk, Part, RawTable
from epc_release.release.source.stream import Digests, digest_whole

_CELL = 10  # bytes of CSV text a cell of the register has on average
_BATCH = 16_384  # rows decoded at a time where a row group is taken apart
_TEXT = pa.string()
_UNREADABLE = (pa.ArrowException, OSError)


def header(location: Location, name: str) -> tuple[list[str], int]:
    """Column names and number of rows; E230 where unreadable, E231 for a column of no text."""
    with opened(location, name) as stream:
        try:
            file = pq.ParquetFile(stream)
            schema, rows = file.schema_arrow, file.metadata.num_rows
        except _UNREADABLE as error:
            raise ReleaseError("E230", file=name) from error
    for field in schema:
        if not _has_text(field.type):
            raise ReleaseError("E231", file=name, column=field.name, type=field.type)
    return schema.names, rows


def column_names(location: Location, name: str) -> tuple[list[str], int]:
    """Names of the columns, whatever their types, and the number of rows.

    Raises E206 where there are no columns and E230 where the file is unreadable.
    """
    with opened(location, name) as stream:
        try:
            file = pq.ParquetFile(stream)
            names, rows = file.schema_arrow.names, file.metadata.num_rows
        except _UNREADABLE as error:
            raise ReleaseError("E230", file=name) from error
    if not names:
        raise ReleaseError("E206", file=name)
    return names, rows


def text_bytes(columns: int, rows: int) -> int:
    """About how many bytes these rows are as CSV."""
    return columns * rows * _CELL


def _has_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _has_text(kind.value_type)
    return (
        is_text(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_null(kind)
    )


def is_text(kind: pa.DataType) -> bool:
    """Text; binary too, because older writers leave the mark of text out."""
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def chunks(
    part: Part, *, work: Path, chunk_bytes: int, limit: int | None, digests: Digests | None
) -> Iterator[Chunk]:
    """The row groups of a part, small ones together; one too large is taken apart to staged files.

    ``chunk_bytes`` is compared with what the rows would take as CSV.
    """
    digest_whole(part, digests)
    with opened(part.location, part.name) as stream:
        file = pq.ParquetFile(stream)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        sizes = [group.num_rows for group in groups]
    most = max(1, chunk_bytes // (_CELL * len(part.header)))
    row, left = 0, sum(sizes) if limit is None else limit
    number = 0
    for run in _runs(sizes, most):
        rows = sum(sizes[i] for i in run)
        whole = Chunk(part, number, row + 1, records=rows, row_groups=run)
        made = [whole] if rows <= min(most, left) else _taken_apart(whole, work, most, left)
        for chunk in made:
            done = chunk.first_line - 1 + (chunk.records or 0)
            yield replace(chunk, number=number, consumed=done * part.bytes // sum(sizes))
            number += 1
        row, left = row + rows, left - rows
        if left <= 0:
            return


def _runs(sizes: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Neighbouring row groups that have together at most ``most`` rows, or one that has more."""
    run: list[int] = []
    for index, size in enumerate(sizes):
        if run and sum(sizes[i] for i in run) + size > most:
            yield tuple(run)
            run = []
        if size:
            run.append(index)
    if run:
        yield tuple(run)


def _taken_apart(whole: Chunk, work: Path, most: int, left: int) -> Iterator[Chunk]:
    """The first ``left`` rows of the row groups in staged Arrow files of at most ``most`` rows."""
    part = whole.part
    row = whole.first_line
    with opened(part.location, part.name) as stream:
        # unbuffered columns are read page by page, whatever the size of the group
        file = pq.ParquetFile(stream, buffer_size=1 << 16, pre_buffer=False)
        held: list[pa.RecordBatch] = []
        batches = file.iter_batches(min(_BATCH, most), list(whole.row_groups), use_threads=False)
        for batch in _guarded(batches, part):
            taken = batch.slice(0, left)
            left -= taken.num_rows
            if sum(b.num_rows for b in held) + taken.num_rows > most:
                yield _staged(whole, row, held, work)
                row += sum(b.num_rows for b in held)
                held = []
            held.append(taken)
            if not left:
                break
        if held:
            yield _staged(whole, row, held, work)
    check_unchanged(part.location, part.name)


def _guarded(batches: Iterator[pa.RecordBatch], part: Part) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except _UNREADABLE as error:
        raise ReleaseError("E230", file=part.name) from error


def _staged(whole: Chunk, row: int, held: Sequence[pa.RecordBatch], work: Path) -> Chunk:
    path = Chunk.staged_path(work, whole.part, row, "arrow")
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    try:
        with (
            open(path, "wb", opener=private) as stream,
            pa.ipc.new_file(stream, held[0].schema, options=options) as writer,
        ):
            writer.write_table(pa.Table.from_batches(held).unify_dictionaries())
            length = stream.tell()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return replace(
        whole,
        path=path,
        staged=True,
        first_line=row,
        length=length,
        records=sum(batch.num_rows for batch in held),
        row_groups=(),
    )


def read_chunk(
    chunk: Chunk, wanted: Collection[str] | None = None, plain: Collection[str] = ()
) -> RawTable:
    """The rows of a chunk as text (see ``RawTable``); E230 and E232 where they cannot be read."""
    ours = [
        (i, our)
        for i, our in enumerate(chunk.part.match.columns)
        if our is not None and (wanted is None or our in wanted)
    ]
    table = read_typed(chunk, [chunk.part.header[i] for i, _ in ours]).unify_dictionaries()
    columns = [
        _text(column.combine_chunks(), our in plain, chunk.part, name)
        for (_, our), name, column in zip(ours, table.column_names, table.columns, strict=True)
    ]
    return RawTable(pa.Table.from_arrays(columns, names=[our for _, our in ours]))


def read_typed(chunk: Chunk, names: list[str]) -> pa.Table:
    """The rows of a chunk as stored, the columns that have these names; raises E230."""
    part = chunk.part
    try:
        if chunk.path is not None:
            with pa.ipc.open_file(pa.memory_map(str(chunk.path))) as reader:
                return reader.read_all().select(names)
        with opened(part.location, part.name) as stream:
            file = pq.ParquetFile(stream)
            table = file.read_row_groups(list(chunk.row_groups), names, use_threads=False)
    except _UNREADABLE as error:
        raise ReleaseError("E230", file=part.name) from error
    check_unchanged(part.location, part.name)
    return table.select(names)


def _text(column: Any, plain: bool, part: Part, name: str) -> Any:
    """One column as text without nulls, each distinct value turned only once."""
    if isinstance(column, pa.NullArray):
        column = column.cast(_TEXT)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    try:
        values = _canonical(column.dictionary, part.timezone)
    except pa.ArrowInvalid as error:
        raise ReleaseError("E232", file=part.name, column=name) from error
    empty = pc.index(values, "").as_py()
    if empty < 0:
        empty = len(values)
        values = pa.concat_arrays([values, pa.array([""], _TEXT)])
    codes = column.indices.cast(pa.int32()).fill_null(empty)
    return values.take(codes) if plain else pa.DictionaryArray.from_arrays(codes, values)


def _canonical(values: Any, timezone: str) -> Any:
    """Distinct values as text: ``2024-01-31``, ``2024-01-31 23:59:59``, ``true``, ``5.0``, ``12``.

    Times with a zone become local time of the register; a fraction of a second stays if it is not
    zero. A null among the values (of a dictionary) is empty text.
    """
    kind = values.type
    if pa.types.is_timestamp(kind):
        return _times(values, timezone).fill_null("")
    if pa.types.is_date(kind):
        return values.cast(pa.date32()).cast(_TEXT).fill_null("")
    return values.cast(_TEXT).fill_null("")


def _times(values: Any, timezone: str) -> Any:
    if values.type.tz is not None:
        values = pc.local_timestamp(values.cast(pa.timestamp(values.type.unit, timezone)))
    text = values.cast(_TEXT)
    return pc.replace_substring_regex(text, r"\.0*$|(\.\d*?[1-9])0*$", r"\1")


def raw_records(chunk: Chunk, numbers: Sequence[int]) -> list[str]:
    """These rows as records of CSV, all columns that are taken on."""
    taken = read_chunk(chunk).table.take(pa.array(numbers, pa.int64()))
    rows = zip(*(column.to_pylist() for column in taken.columns), strict=True)
    return [_record(row) for row in rows]


def _record(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def beginning(
    location: Location, name: str, rows: int, timezone: str
) -> tuple[tuple[str, ...], ...]:
    """The first ``rows`` rows as text, of all columns by position; E230 and E232 where unreadable.

    Times with a zone become local time of ``timezone``.
    """
    with opened(location, name) as stream:
        try:
            file = pq.ParquetFile(stream, buffer_size=1 << 16, pre_buffer=False)
            batch = next(file.iter_batches(rows, use_threads=False), None)
        except _UNREADABLE as error:
            raise ReleaseError("E230", file=name) from error
    if batch is None:
        return ()
    columns = []
    for column, field in zip(batch.columns, batch.schema, strict=True):
        coded = pa.types.is_dictionary(field.type)
        values = column.cast(field.type.value_type) if coded else column
        try:
            columns.append(_canonical(values, timezone).to_pylist())
        except pa.ArrowInvalid as error:
            raise ReleaseError("E232", file=name, column=field.name) from error
    return tuple(zip(*columns, strict=True))
