"""Code lists: the values of a column with their names, from a CSV file."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable

from epc_release.errors import ReleaseError
from epc_release.schemas.register import CodeList

OWN = ("code", "name_en", "successors")
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def read_codelist(name: str, file: Traversable, label: str) -> CodeList:
    """The code list of a CSV file (UTF-8, header; columns ``code``, ``name_en`` and any others).

    ``successors`` (codes joined by ``;``), ``end`` and ``reason`` are checked where they stand: a
    code that has ended has successors, all in the list, or a reason. Raises ReleaseError E128.
    """
    rows = _rows(file, label)
    codes = [row["code"] for row in rows]
    for line, code in enumerate(codes, 2):
        if not CODE.fullmatch(code):
            raise _wrong(label, line, "a code must be 1 to 64 ASCII letters, digits, . _ or -")
        if codes.index(code) != line - 2:
            raise _wrong(label, line, f"{code} is given twice")
    successors = {row["code"]: tuple(_split(row.get("successors", ""))) for row in rows}
    for line, row in enumerate(rows, 2):
        _check_ending(label, line, row, successors)
    return CodeList(
        name=name,
        names={row["code"]: row["name_en"] for row in rows},
        slugs={row["code"]: slug(row["code"], row["name_en"]) for row in rows},
        successors={code: given for code, given in successors.items() if given},
        attributes=_attributes(rows),
    )


def slug(code: str, name: str) -> str:
    """ASCII letters, digits and hyphens that stand for a code in file names, the code first.

    >>> slug("W06000001", "Ynys Môn / Anglesey")
    'W06000001-Ynys-Mon-Anglesey'
    """
    plain = unicodedata.normalize("NFKD", name.replace("'", "").replace("’", ""))
    ascii_only = plain.encode("ascii", "ignore").decode("ascii")
    words = re.findall(r"[A-Za-z0-9]+", ascii_only)
    return "-".join([code, *words])


def _rows(file: Traversable, label: str) -> list[dict[str, str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError("E128", file=label, problem="it cannot be read as UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    for column in ("code", "name_en"):
        if column not in (reader.fieldnames or ()):
            raise ReleaseError("E128", file=label, problem=f"it has no column {column}")
    rows: list[dict[str, str]] = []
    for row in reader:
        if None in row or None in row.values() or "\ufffd" in "".join(row.values()):
            raise _wrong(label, len(rows) + 2, "the line is too short, too long or garbled")
        if not row["name_en"].strip():
            raise _wrong(label, len(rows) + 2, "name_en is empty")
        rows.append(row)
    return rows


def _check_ending(
    label: str, line: int, row: Mapping[str, str], successors: Mapping[str, Sequence[str]]
) -> None:
    code = row["code"]
    for successor in successors[code]:
        if successor not in successors or successor == code:
            raise _wrong(label, line, f"the successor {successor} is not another code of the list")
    if row.get("end") and not successors[code] and not row.get("reason"):
        raise _wrong(label, line, f"{code} has ended without successors or a reason")


def _attributes(rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {
        row["code"]: {name: cell for name, cell in row.items() if cell and name not in OWN}
        for row in rows
    }


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _wrong(label: str, line: int, problem: str) -> ReleaseError:
    return ReleaseError("E128", file=label, problem=f"line {line}: {problem}")
