"""The register, and CSVs of any content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

Write = Callable[..., Path]
RECOMMENDATIONS = (
    *("LMK_KEY", "IMPROVEMENT_ITEM", "IMPROVEMENT_SUMMARY_TEXT", "IMPROVEMENT_DESCR_TEXT"),
    *("IMPROVEMENT_ID", "IMPROVEMENT_ID_TEXT", "INDICATIVE_COST"),
)


@pytest.fixture(scope="session")
def register() -> Register:
    return load_register("epc")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write(name, header, rows...)``: a CSV in the test's own folder."""

    def make(name: str, header: Sequence[str], *rows: Sequence[str], end: str = "\r\n") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(",".join(cells) + end for cells in (header, *rows))
        path.write_bytes(text.encode())
        return path

    return make
