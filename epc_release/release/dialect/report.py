"""What a person, or a program, sees of an inspection: names, shares and reasons, never values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from epc_release.release.dialect.model import (
    Alike,
    Candidate,
    Column,
    HeaderReport,
    Inspection,
    Text,
)

_FILES: Final = 5  # named of those that share a header
_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_WAYS: Final = {"exact": "exact", "alias": "alias", "loose": "loosely", "unnamed": "no name"}


def as_text(inspection: Inspection) -> str:
    """One block for each header, then what was left out or could not be read."""
    blocks = ["\n".join(_header(report, inspection)) for report in inspection.headers]
    left = [f"Left out: {name} ({why})" for name, why in inspection.ignored]
    left += [f"Not read: {message}" for _, _, message in inspection.unread]
    return "\n\n".join([*blocks, *(["\n".join(left)] if left else [])])


def as_data(inspection: Inspection) -> dict[str, Any]:
    """The same as JSON has it; lists keep the order of the text."""
    return {
        "register": inspection.register,
        "headers": [_data(report) for report in inspection.headers],
        "ignored": [{"file": name, "why": why} for name, why in inspection.ignored],
        "unread": [
            {"file": name, "code": code, "message": message}
            for name, code, message in inspection.unread
        ],
    }


def _header(report: HeaderReport, inspection: Inspection) -> Iterator[str]:
    more = len(report.files) - _FILES
    files = ", ".join(report.files[:_FILES]) + (f" and {more} more" if more > 0 else "")
    yield f"{files}: {report.width} columns, {', '.join(report.kinds)}"
    yield from dict.fromkeys(f"  {_text(text)}" for text in report.texts)
    if report.problem:
        yield f"  A build would refuse it. {report.problem[1]}"
    if not report.headed:
        yield "  Its first line looks like a record, not like a header; nothing of it is shown."
    elif report.nearest is None:
        yield f"  Its header is like no table of {inspection.register}; --table takes it for one."
    if report.nearest is not None:
        yield from _nearest(report, report.nearest)


def _nearest(report: HeaderReport, nearest: Alike) -> Iterator[str]:
    place = f"{nearest.dialect.table} in dialect {nearest.dialect.dialect}"
    if report.exact:
        yield f"  It is read as {place}."
    else:
        undecided = sum(not column.decided for column in nearest.columns)
        yield (
            f"  Nearest is {place}: {nearest.known} of {report.width} columns known,"
            f" {undecided} to decide, {len(nearest.missing)} missing."
        )
        others = [f"{t} {score:.2f}" for t, _, score in report.tables[1:4] if score > 0]
        if others:
            yield f"  Its score is {nearest.score:.2f}; of other tables: {', '.join(others)}."
    yield ""
    yield from _grid([("column", "how", "read as", "values that fit"), *map(_row, nearest.columns)])
    if nearest.missing:
        yield ""
        yield f"  Missing: {', '.join(nearest.missing)}"


def _text(text: Text) -> str:
    mark = " with byte order mark" if text.mark else ""
    guess = "" if text.sure or text.encoding == "utf-8" else " (a guess)"
    if text.to_name:
        guess += f", to be read with --encoding {text.encoding}"
    ends = "no line ends" if text.line_ends == "none" else f"line ends {text.line_ends}"
    delimiter = _DELIMITERS.get(text.delimiter, text.delimiter)
    return f"{text.encoding.upper()}{mark}{guess}, parted by {delimiter}, {ends}"


def _row(column: Column) -> tuple[str, str, str, str]:
    name = f"{column.position} {shown(column.spelling)}".rstrip()
    fits = _share(column.fits)
    if column.decided:
        how = f"close {column.likeness:.2f}" if column.way == "close" else _WAYS[column.way]
        return name, how, column.name or "(known, not taken on)", fits
    if column.way in ("repeated", "unnamed"):
        return name, _WAYS.get(column.way, "twice"), "? (cannot be told)", fits
    perhaps = ", ".join(_perhaps(candidate) for candidate in column.candidates)
    how = "content" if column.way == "content" else "unknown"
    return name, how, f"? perhaps {perhaps}" if perhaps else "?", fits


def _perhaps(candidate: Candidate) -> str:
    fits = "" if candidate.fits is None else f", {_share(candidate.fits)} fit"
    return f"{candidate.name} ({candidate.likeness:.2f} alike{fits})"


def _share(share: float | None) -> str:
    return "" if share is None else f"{int(share * 100)}%"


def shown(spelling: str) -> str:
    """A column's name on one line of at most 60 characters."""
    text = "".join(letter if letter.isprintable() else "?" for letter in spelling)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _grid(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _data(report: HeaderReport) -> dict[str, Any]:
    nearest = report.nearest
    return {
        "files": list(report.files),
        "kinds": list(report.kinds),
        "text": [asdict(text) for text in report.texts],
        "columns": report.width,
        "sampled": report.sampled,
        "headed": report.headed,
        "exact": report.exact,
        "problem": report.problem and {"code": report.problem[0], "message": report.problem[1]},
        "tables": [
            {"table": table, "dialect": dialect, "score": round(score, 4)}
            for table, dialect, score in report.tables
        ],
        "table": nearest and nearest.dialect.table,
        "dialect": nearest and nearest.dialect.dialect,
        "missing": list(nearest.missing) if nearest else [],
        "mapping": [_column(column) for column in nearest.columns] if nearest else [],
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "position": column.position,
        "column": column.spelling,
        "how": column.way,
        "decided": column.decided,
        "as": column.name,
        "likeness": round(column.likeness, 4),
        "fits": column.fits if column.fits is None else round(column.fits, 4),
        "candidates": [
            {
                "as": candidate.name,
                "likeness": round(candidate.likeness, 4),
                "fits": candidate.fits if candidate.fits is None else round(candidate.fits, 4),
            }
            for candidate in column.candidates
        ],
    }
