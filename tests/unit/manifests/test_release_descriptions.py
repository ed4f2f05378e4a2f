"""Ledgers, licences, checksums and schemas of a release, each from small facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from epc_release.manifests.canonical import to_json, to_utc
from epc_release.manifests.checksums import checksums, parse_checksums
from epc_release.manifests.columns import arrow_schema, schema_id
from epc_release.manifests.datapackage import descriptor
from epc_release.manifests.facts import (
    FileFacts,
    Issue,
    PolicyFacts,
    ReleaseFacts,
    TableFacts,
    TableLedger,
)
from epc_release.manifests.ledger import exact_ledger, public_ledger
from epc_release.manifests.licence import licence_text, licences
from epc_release.manifests.quality import disclosure, quality
from epc_release.schemas.register import Register, Table
from epc_release.schemas.table import TableSchema

SCHEMA = TableSchema(
    {
        "fields": [
            {"name": "key", "type": "string", "description": "Key.", "unit": "none"},
            {"name": "place", "type": "string", "licence": "LicenseRef-place"},
            {"name": "n", "type": "integer"},
        ]
    }
)
LEDGER = TableLedger(
    read=1000,
    published=900,
    excluded={"opt-out": 13, "country": 40, "new-rule": 2, "parent": 5},
    rejected={"duplicate-key": 4, "not-parsed": 6},
    suppressed=30,
)


def facts(*, personal_data: bool = True) -> ReleaseFacts:
    policy = PolicyFacts(
        "p",
        "Policy",
        "What it means.",
        "f" * 64,
        "open",
        {"opt-out": "withheld", "country": "out-of-scope"},
        personal_data,
    )
    register = Register(
        name="r",
        title="Register",
        tables=(Table("t", SCHEMA, ("key",), "place", None, (), "t", "t"),),
        dialects=(),
        default_policy="p",
        timezone="Europe/London",
        geography_vintage="2024",
        codelists={},
        licences=({"name": "LicenseRef-place", "title": "Terms", "notice": "© Someone."},),
        sources=(),
        contributors=(),
        homepage="",
    )
    part = FileFacts("parquet/t/place=E1/part-0.parquet", 1, "a" * 64, 900, "b" * 64)
    issues = (Issue("t", "n", "z", "error", 1), Issue("t", "dropped", "a", "error", 9))
    table = TableFacts("t", SCHEMA, LEDGER, (part,), issues, (), "place", None)
    cutoff = datetime(2024, 6, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    return ReleaseFacts(
        register, "2024-06-01", cutoff, policy, (table,), (), ("opt-out",), "1", True, True
    )


def test_the_public_ledger_tells_three_reasons() -> None:
    told = public_ledger(facts())
    assert told["tables"]["t"] == {
        "published": 900,
        "outOfScope": 40,
        "withheld": 50,  # 13 + 2 + 5 + 30, rounded to 10
        "invalid": 10,
    }
    assert told["cutoff"] == "2024-05-31T23:30:00Z"
    assert "1000" not in to_json(told)


@pytest.mark.parametrize(("count", "told"), [(0, 0), (4, 0), (5, 10), (14, 10), (15, 20)])
def test_withheld_is_rounded_half_up(count: int, told: int) -> None:
    release = facts()
    table = TableFacts("t", SCHEMA, TableLedger(count, 0, {}, {}, count), ())
    changed = ReleaseFacts(
        release.register, "x", release.cutoff, release.policy, (table,), (), (), "1"
    )
    assert public_ledger(changed)["tables"]["t"]["withheld"] == told


def test_the_exact_ledger_tells_all() -> None:
    assert exact_ledger(facts()) == {
        "tables": {
            "t": {
                "read": 1000,
                "published": 900,
                "excluded": {"country": 40, "new-rule": 2, "opt-out": 13, "parent": 5},
                "rejected": {"duplicate-key": 4, "not-parsed": 6},
                "suppressed": 30,
            }
        }
    }


def test_quality_is_silent_on_columns_that_are_not_published() -> None:
    assert [issue["column"] for issue in quality(facts())["issues"]] == ["n"]


def test_the_public_audit() -> None:
    told = disclosure(facts())
    assert told["tables"]["t"]["columns"] == ["key", "place", "n"]
    assert told["policy"]["personalData"] is True
    assert "new-rule" not in to_json(told)


def test_licences_of_columns() -> None:
    release = facts()
    told = licences(release.register, release.policy, [SCHEMA])
    assert [entry["name"] for entry in told] == [
        "LicenseRef-place",
        "OGL-UK-3.0",
        "LicenseRef-personal-data",
    ]
    clear = facts(personal_data=False)
    assert len(licences(clear.register, clear.policy, [SCHEMA])) == 2
    text = licence_text(release.register, release.policy, {"t": SCHEMA})
    assert "Terms\n© Someone.\nt: place\n" in text
    assert "OGL-UK-3.0\nt: key, n\n" in text
    assert "Contains personal data" in text


def test_the_descriptor_says_what_the_release_is() -> None:
    told = descriptor(facts())
    assert told["version"] == "2024-06-01"
    assert "partial" in told["description"]
    assert "Synthetic" in told["description"]
    assert "Screened before" in told["description"]
    assert "homepage" not in told
    assert told["epcRelease"]["screenedUpstream"] == ["opt-out"]
    assert told["resources"][0]["files"][0]["partition"] == {"place": "E1"}


def test_a_table_without_rows_is_no_resource() -> None:
    release = facts()
    empty = TableFacts("t", SCHEMA, TableLedger(5, 0, {"country": 5}), ())
    changed = ReleaseFacts(
        release.register, "x", release.cutoff, release.policy, (empty,), (), (), "1"
    )
    told = descriptor(changed)
    assert told["resources"] == []
    assert told["epcRelease"]["rows"] == {"t": 0}


def test_checksums_round() -> None:
    files = [FileFacts("b c", 1, "b" * 64), FileFacts("a", 1, "a" * 64)]
    text = checksums(files)
    assert text.splitlines()[0] == f"{'a' * 64}  a"
    assert parse_checksums(text) == {"a": "a" * 64, "b c": "b" * 64}


@pytest.mark.parametrize("line", ["x", f"{'a' * 63}  a", f"{'A' * 64}  a", f"{'a' * 64} a"])
def test_checksums_that_are_none(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse_checksums(f"{'a' * 64}  a\n{line}\n")


def test_the_arrow_schema_carries_descriptions() -> None:
    schema = arrow_schema(SCHEMA)
    assert schema.types == [pa.string(), pa.string(), pa.int64()]
    assert schema.field("key").metadata == {b"description": b"Key.", b"unit": b"none"}
    assert schema.field("n").metadata is None
    assert schema.metadata == {b"epc_release.schema": schema_id(SCHEMA).encode()}


def test_two_schemas_are_told_apart() -> None:
    named = TableSchema({"name": "t", "version": "2", **SCHEMA.descriptor})
    assert schema_id(named).startswith("t/2/")
    assert schema_id(named) != schema_id(SCHEMA)


def test_times_are_told_in_utc() -> None:
    assert to_utc(datetime(2024, 1, 1, 12, 0, 0, 999, tzinfo=UTC)) == "2024-01-01T12:00:00Z"
