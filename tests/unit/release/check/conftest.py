"""Small files and schemas, checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from epc_release.release.check import CheckReport, Request, check
from epc_release.release.progress import Silent

Check = Callable[..., CheckReport]


@pytest.fixture
def run(tmp_path: Path) -> Check:
    """``run({"a.csv": text}, fields or descriptor, **request)``: the report on these files."""

    def make(
        files: Mapping[str, str | bytes],
        schema: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        paths: Sequence[str] | None = None,
        **options: Any,
    ) -> CheckReport:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        descriptor = schema if isinstance(schema, Mapping) else {"fields": list(schema)}
        at = tmp_path / "schema.json"
        at.write_text(json.dumps(descriptor), encoding="utf-8")
        given = [str(tmp_path / name) for name in files] if paths is None else list(paths)
        return check(Request(tuple(given), at, work=tmp_path, **options), Silent())

    return make


def found(report: CheckReport) -> dict[tuple[str, str], tuple[int, list[int | None]]]:
    """By code and field: how many, and the lines told."""
    return {
        (count.code, count.field): (count.count, [issue.line for issue in count.samples])
        for count in report.counts
    }


@pytest.fixture
def told() -> Callable[[CheckReport], dict[tuple[str, str], tuple[int, list[int | None]]]]:
    """``told(report)``: by code and field, how many and on which lines."""
    return found
