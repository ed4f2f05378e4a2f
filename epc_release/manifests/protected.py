"""How a release is protected: the public statement, and the exact private audit.

Counts of what was taken away are rounded in public, so that no figure shows one event of one night
(disclosure control, "What each rule leaves behind"); measures of what is published are told as they
are, for anybody can take them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from epc_release.manifests.canonical import to_utc
from epc_release.manifests.facts import KeySetFacts, ReleaseFacts, RuleFacts, TableFacts

ROUNDED_TO = 10


def protection(facts: ReleaseFacts, table: TableFacts) -> dict[str, Any]:
    """What ``disclosure.json`` says of a table with key sets; nothing of one without."""
    if not table.key_sets:
        return {}
    return {
        "keySets": [_told(key_set) for key_set in table.key_sets],
        "starredCells": {name: _rounded(count) for name, count in table.starred.items()},
        "recordsLikeNoOther": table.alone,
        **_linkable(facts, table),
    }


def _linkable(facts: ReleaseFacts, table: TableFacts) -> dict[str, Any]:
    """The share of records that somebody may link to a line that publishes addresses.

    At most those that are like no other: of two records alike in all that is published here, even
    the holder of addresses cannot say which is which. By this table alone; its children add to it.
    """
    if not facts.identifying or table.alone is None:
        return {}
    share = table.alone / max(1, table.ledger.published)
    lines = list(facts.identifying)
    return {"linkable": {"lines": lines, "shareAtMost": round(share, 4)}}


def audit(facts: ReleaseFacts) -> dict[str, Any]:
    """The private ``audit.json`` of the state folder: exact."""
    return {
        "release": facts.release,
        "cutoff": to_utc(facts.cutoff),
        "policy": {"name": facts.policy.name, "sha256": facts.policy.sha256},
        "tables": {
            table.name: {
                "published": table.ledger.published,
                "suppressed": table.ledger.suppressed,
                "starred": dict(table.starred),
                "recordsLikeNoOther": table.alone,
                **_linkable(facts, table),
                "keySets": [asdict(key_set) for key_set in table.key_sets],
                "recordRules": list(_record_lines(table)),
                "fieldRules": [_field_line(rule) for rule in table.rules],
            }
            for table in facts.tables
        },
    }


def columns(table: TableFacts) -> list[dict[str, str]]:
    """What ``disclosure.json`` says of each published column: its class, and its rule in words."""
    return [
        {
            "column": rule.column,
            "class": rule.column_class,
            "rule": rule.rule,
            "description": table.schema.by_name[rule.column].descriptor.get("description", ""),
        }
        for rule in table.rules
        if rule.published
    ]


def _record_lines(table: TableFacts) -> Iterator[dict[str, Any]]:
    """Records that came to each rule and went on from it; what was rejected is in the ledger."""
    left = table.ledger.read
    for rule in table.record_rules:
        came, left = left, left - table.ledger.excluded.get(rule, 0)
        yield {"rule": rule, "rows_in": came, "rows_out": left}


def _field_line(rule: RuleFacts) -> dict[str, Any]:
    used = {"used_sha256": dict(rule.used)} if rule.used else {}
    named = {"column": rule.column, "rule": rule.rule, "class": rule.column_class}
    return {**named, **used, **rule.did}


def _told(key_set: KeySetFacts) -> dict[str, Any]:
    return {
        "id": key_set.id,
        "why": key_set.why,
        "keys": list(key_set.keys),
        "counted": "units" if key_set.unit else "rows",
        "asked": dict(key_set.asked),
        "measured": dict(key_set.measures),
    }


def _rounded(count: int) -> int:
    return (count + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO
