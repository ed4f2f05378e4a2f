"""What stands beside the tables of an extract: ``extract.json`` and ``suppressions.csv``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from epc_release.release.synth.entropy import generator
from epc_release.release.synth.write import ExtractFile

SUPPRESSIONS = "suppressions.csv"
LIST_LAG = timedelta(hours=6)
"""The suppression list is complete up to so long after the snapshot."""

WAYS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "out": (("opt_out", "before"),),
    "late": (("opt_out", "after"),),
    "again": (("opt_out", "before"), ("opt_in", "before"), ("opt_out", "before")),
    "stays": (("opt_out", "before"), ("opt_in", "after")),
    "returns": (("opt_out", "before"), ("opt_in", "before")),
}
"""Ways of a certificate through the list: events, before or after the snapshot."""


@dataclass
class SuppressionWriter:
    """Appends events of certificates: ``certificate_number,event,time``, RFC 3339 with offset."""

    path: Path
    seed: int
    snapshot: datetime
    lines: int = field(default=0)

    def __post_init__(self) -> None:
        self.path.write_text("certificate_number,event,time\n", encoding="utf-8")

    def add(self, keys: Iterable[str], ways: Iterable[str]) -> None:
        """The events of each key, by the name of its way."""
        rng = generator(self.seed, "suppressions", self.lines)
        lines = []
        for key, way in zip(keys, ways, strict=True):
            steps = WAYS[way]
            days = sorted(rng.uniform(1, 2000, len(steps)), reverse=True)
            for (event, when), ago in zip(steps, days, strict=True):
                shift = timedelta(days=-float(ago))
                if when == "after":
                    shift = LIST_LAG * float(rng.uniform(0.1, 0.9))
                time = (self.snapshot + shift).replace(microsecond=0)
                lines.append(f"{key},{event},{time.isoformat()}\n")
        self.lines += len(lines)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def write_control(
    folder: Path, register: str, dialect: str, snapshot: datetime, files: Mapping[str, ExtractFile]
) -> None:
    """``extract.json``: what the extract holds, in format 1 of the control file."""
    control = {
        "version": 1,
        "register": register,
        "dialect": dialect,
        "synthetic": True,
        "snapshot_time": snapshot.isoformat(),
        "tables": {
            table: {
                "rows": file.rows,
                "files": [
                    {
                        "path": file.name,
                        "rows": file.rows,
                        "bytes": file.bytes,
                        "sha256": file.sha256,
                    }
                ],
            }
            for table, file in files.items()
        },
        "suppressions": {
            "path": SUPPRESSIONS,
            "as_of": (snapshot + LIST_LAG).isoformat(),
        },
    }
    text = json.dumps(control, indent=2) + "\n"
    (folder / "extract.json").write_text(text, encoding="utf-8")
