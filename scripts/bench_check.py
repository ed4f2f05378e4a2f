"""What ``scripts/bench check`` and ``keys`` run, and on what: schemas, and a file of keys."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from epc_release.schemas.load import load_register

ROOT = Path(__file__).resolve().parents[1]
OURS = [sys.executable, "-m", "epc_release.release.cli", "check"]
PEER = [sys.executable, str(ROOT / "scripts" / "bench_peers" / "frictionless_validate.py")]
TABLE = "domestic-certificates"
DIALECT = "legacy"
DIGITS = 20  # of a key


def write_schema(at: Path) -> Path:
    """The Table Schema of the synthetic certificates, as a file."""
    path = at / "check.schema.json"
    path.write_text(json.dumps(_schema()), encoding="utf-8")
    return path


def _schema() -> dict[str, Any]:
    """The register's, under the names that the dialect's files use, as both tools understand it.

    Limits and values that only warn are our own properties: here they are constraints, so that the
    other looks at them too. Whole numbers may have a decimal point in published files, so they are
    numbers: else it would spend its time on telling errors.
    """
    register = load_register("epc")
    schema = register.table(TABLE).schema
    known = next(d for d in register.dialects if (d.dialect, d.table) == (DIALECT, TABLE))
    fields: list[dict[str, Any]] = []
    for spelling in known.header:
        name = known.columns.get(spelling)
        if name is None:
            fields.append({"name": spelling, "type": "string"})
            continue
        field = dict(schema.by_name[name].descriptor)
        listed = field.pop("known_values", None)
        limits = {"enum": listed} if listed else {}
        limits |= {**field.pop("warn", {}), **field.pop("constraints", {})}
        tokens = (*schema.missing_values(name), *known.missing.get(name, ()))
        kind = "number" if field["type"] == "integer" else field["type"]
        field |= {"name": spelling, "type": kind, "missingValues": list(dict.fromkeys(tokens))}
        fields.append({**field, "constraints": limits} if limits else field)
    key = next(s for s in known.header if known.columns.get(s) == schema.primary_key[0])
    return {"fields": fields, "primaryKey": [key]}


def write_keys(at: Path, rows: int) -> tuple[Path, Path]:
    """A file of nothing but so many keys, the first of which stands again at the end; a schema."""
    source, schema = at / f"keys-{rows}.csv", at / "keys.schema.json"
    fields = [{"name": "key", "type": "string", "constraints": {"required": True}}]
    schema.write_text(json.dumps({"fields": fields, "primaryKey": "key"}), encoding="utf-8")
    with source.open("w", encoding="ascii", newline="") as out:
        out.writelines(_keys(rows))
    return source, schema


def _keys(rows: int) -> Iterator[str]:
    numbers = random.Random(rows)
    first = f"{numbers.randrange(10**DIGITS):0{DIGITS}}\r\n"
    yield "key\r\n"
    yield first
    for _ in range(rows - 2):
        yield f"{numbers.randrange(10**DIGITS):0{DIGITS}}\r\n"
    yield first
