"""The peer of ``scripts/bench check``: frictionless validates a file against a schema.

All issues are looked for, as ours are (by default frictionless ends at a thousand).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from frictionless import Resource, Schema


def validate(source: Path, schema: Path) -> dict[str, Any]:
    """Rows and errors of the file; a relative path, for absolute ones are refused unread."""
    resource = Resource(
        path=source.name,
        basepath=str(source.parent),
        schema=Schema.from_descriptor(json.loads(schema.read_text(encoding="utf-8"))),
    )
    task = resource.validate(limit_errors=10**9).tasks[0]
    return {"rows": task.stats["rows"], "errors": task.stats["errors"]}


if __name__ == "__main__":
    print(json.dumps(validate(Path(sys.argv[1]), Path(sys.argv[2]))))
