"""From paths to what is found of each distinct header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from epc_release.errors import ReleaseError
from epc_release.release.dialect.headline import is_header
from epc_release.release.dialect.mapping import by_content
from epc_release.release.dialect.model import Alike, Column, Found, HeaderReport, Inspection
from epc_release.release.dialect.nearest import alike
from epc_release.release.dialect.sample import Walk
from epc_release.schemas.header import match_header
from epc_release.schemas.register import HeaderMatch, Register

NOT_ALIKE = "E125"  # of match_header; anything else it says of a header, not of a record
LIKE_NONE = 0.15  # score below which a header is like no table at all


def inspect(
    paths: Sequence[str],
    register: Register,
    *,
    table: str | None = None,
    encoding: str | None = None,
) -> Inspection:
    """How each distinct header of these files, folders, zips or URIs would be read.

    ``table`` is what they are taken for (else the nearest); ``encoding`` that of CSVs without the
    byte order mark of UTF-8 (else as their beginnings tell). The sample is the first 256 KiB of a
    CSV, of Parquet the first 500 rows. Raises E106, E127, E200 to E205 and E211; where no file at
    all can be read, the error of the first.
    """
    if table is not None and table not in {known.name for known in register.tables}:
        known = ", ".join(each.name for each in register.tables)
        raise ReleaseError("E127", file="--table", table=table, register=register.name, known=known)
    walk = Walk(register, encoding)
    reports: dict[tuple[str | None, tuple[str, ...]], HeaderReport] = {}
    for path in paths:
        for found, forced in walk.files(path):
            wanted = table or forced
            key = (wanted, found.header)
            if key in reports:
                reports[key] = _with(reports[key], found)
            else:
                reports[key] = _report(found, register, wanted)
    if not reports:
        raise walk.unread[0][1] if walk.unread else ReleaseError("E202", source=", ".join(paths))
    return Inspection(
        register=register.name,
        headers=tuple(reports.values()),
        ignored=tuple(walk.ignored),
        unread=tuple((name, error.problem.code, str(error)) for name, error in walk.unread),
    )


def _with(report: HeaderReport, found: Found) -> HeaderReport:
    """The same header in one more file."""
    texts = report.texts
    if found.text is not None and found.text not in texts:
        texts = (*texts, found.text)
    kinds = tuple(dict.fromkeys((*report.kinds, found.kind)))
    return replace(report, files=(*report.files, found.name), texts=texts, kinds=kinds)


def _report(found: Found, register: Register, table: str | None) -> HeaderReport:
    match, problem = _verdict(found, register, table)
    report = HeaderReport(
        files=(found.name,),
        kinds=(found.kind,),
        texts=(found.text,) if found.text else (),
        width=len(found.header),
        sampled=len(found.records),
        headed=True,
        exact=match is not None,
        problem=problem,
        nearest=None,
        tables=(),
    )
    if match is not None and not match.dialect.headed:
        return replace(report, headed=False, nearest=_of_record(match))
    ranked = alike(found.header, register, found.name, match.dialect.table if match else table)
    nearest = ranked[0] if ranked else None
    if problem is not None and problem[0] == NOT_ALIKE and not is_header(found, nearest):
        return replace(report, headed=False)
    tables = tuple((a.dialect.table, a.dialect.dialect, a.score) for a in ranked)
    if nearest is None or (match is None and table is None and nearest.score < LIKE_NONE):
        return replace(report, tables=tables)
    if match is not None:
        nearest = _as_matched(nearest, match)
    owner = register.table(nearest.dialect.table)
    columns = by_content(nearest.columns, found, owner, nearest.dialect)
    return replace(report, nearest=replace(nearest, columns=columns), tables=tables)


def _verdict(
    found: Found, register: Register, table: str | None
) -> tuple[HeaderMatch | None, tuple[str, str] | None]:
    """What a build would say of the header: its match, or code and message of the error."""
    try:
        return match_header(found.header, register, file=found.name, table=table), None
    except ReleaseError as error:
        return None, (error.problem.code, str(error))


def _as_matched(nearest: Alike, match: HeaderMatch) -> Alike:
    """The columns as a build reads them."""
    columns = tuple(
        replace(column, way="exact", decided=True, name=name, likeness=1.0, candidates=())
        for column, name in zip(nearest.columns, match.columns, strict=True)
    )
    return Alike(match.dialect, 1.0, len(columns), (), columns)


def _of_record(match: HeaderMatch) -> Alike:
    """A file without header line: its columns by place, without the cells of its first record."""
    columns = tuple(
        Column(position, "", "exact", decided=True, name=name, likeness=1.0)
        for position, name in enumerate(match.columns, 1)
    )
    return Alike(match.dialect, 1.0, len(columns), (), columns)
