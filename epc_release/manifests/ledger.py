"""Row accounting: the exact one for the release manager, and the one that everybody may see.

The public one has three reasons. ``withheld`` is rounded to 10, and the number of records read is
not told, so that no count shows one event of one night (disclosure control, "What each rule leaves
behind").
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from epc_release.manifests.canonical import to_utc
from epc_release.manifests.facts import ReleaseFacts, TableFacts, TableLedger

OUT_OF_SCOPE, WITHHELD = "out-of-scope", "withheld"
STANDING = dict.fromkeys(("superseded", "removed", "blank-row"), OUT_OF_SCOPE)


def public_ledger(facts: ReleaseFacts) -> dict[str, Any]:
    """``ledger.json`` of the release."""
    ledger: dict[str, Any] = {
        "release": facts.release,
        "cutoff": to_utc(facts.cutoff),
        "withheldRoundedTo": 10,
        "tables": {table.name: public_counts(facts, table) for table in facts.tables},
    }
    if facts.refused:
        records = sum(file.records or 0 for file in facts.refused)
        ledger["refused"] = {"files": len(facts.refused), "records": records}
    return ledger


def public_counts(facts: ReleaseFacts, table: TableFacts) -> dict[str, int]:
    """Records of one table: published, outOfScope and invalid exact, withheld rounded to 10.

    A rule whose public reason the policy does not name counts as withheld, and so does what was
    excluded with its parent: the least is told. A record that a newer one replaced or removed, and
    one without any text, is out of scope of any release.
    """
    told = {OUT_OF_SCOPE: 0, WITHHELD: table.ledger.suppressed, "invalid": 0}
    for rule, count in table.ledger.excluded.items():
        told[facts.policy.reasons.get(rule, STANDING.get(rule, WITHHELD))] += count
    told["invalid"] += sum(table.ledger.rejected.values())
    return {
        "published": table.ledger.published,
        "outOfScope": told[OUT_OF_SCOPE],
        "withheld": (told[WITHHELD] + 5) // 10 * 10,
        "invalid": told["invalid"],
    }


def exact_ledger(facts: ReleaseFacts) -> dict[str, Any]:
    """The private ``ledger.json`` of the state folder: every count by rule and code.

    Files that were refused as a whole are named; their records are in no table's counts.
    """
    ledger: dict[str, Any] = {
        "tables": {table.name: _exact(table.ledger) for table in facts.tables}
    }
    if facts.refused:
        ledger["refused"] = [asdict(file) for file in facts.refused]
    return ledger


def _exact(ledger: TableLedger) -> dict[str, Any]:
    return {
        "read": ledger.read,
        "published": ledger.published,
        "excluded": dict(sorted(ledger.excluded.items())),
        "rejected": dict(sorted(ledger.rejected.items())),
        "suppressed": ledger.suppressed,
    }
