"""Small private CSV lists, read strictly: every line is understood or the reading stops there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from epc_release.errors import ReleaseError


@dataclass(frozen=True)
class Line:
    """One record of a list; ``number`` is that of its last physical line, from 1."""

    file: Path
    number: int
    cells: tuple[str, ...]
    code: str

    def wrong(self, problem: str) -> NoReturn:
        """Raises the list's error; ``problem`` must not quote a cell."""
        raise ReleaseError(self.code, file=self.file, line=self.number, problem=problem)


def read_lines(path: Path, header: tuple[str, ...], code: str) -> Iterator[Line]:
    """The records under ``header``; blank lines are passed over. Raises ``code``."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                line = Line(path, reader.line_num, tuple(cells), code)
                if number == 0 and tuple(cell.strip().lower() for cell in cells) != header:
                    line.wrong(f"the header must be {','.join(header)}")
                if number and cells and len(cells) != len(header):
                    line.wrong(f"{len(cells)} cells where the header has {len(header)}")
                if number and cells:
                    yield line
                number = reader.line_num
    except OSError as error:
        raise ReleaseError(
            code, file=path, line=1, problem=error.strerror or "it cannot be read"
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise ReleaseError(
            code, file=path, line=number + 1, problem="this is not CSV in UTF-8"
        ) from None
    if number == 0:
        raise ReleaseError(code, file=path, line=1, problem="the file is empty")
