"""What is known about the published values, and the public audit of the policy."""

from __future__ import annotations

from typing import Any

from epc_release.manifests.canonical import to_utc
from epc_release.manifests.facts import ReleaseFacts
from epc_release.manifests.issues import least_count, told_issues
from epc_release.manifests.ledger import public_counts
from epc_release.manifests.protected import columns, protection


def quality(facts: ReleaseFacts) -> dict[str, Any]:
    """``quality.json``: cells of published rows with an issue, per table, column and code.

    ``error``: published missing, since the value did not parse; ``warning``: published as it is.
    Columns that the policy does not publish are not told of, and no value ever stands here. A
    count below ``leastCount`` is null. ``accepted`` are data quality gates that stopped the build
    and were passed by the release manager; the reason is not public.
    """
    issues = [
        {
            "table": issue.table,
            "column": issue.column,
            "code": issue.code,
            "severity": issue.severity,
            "count": issue.count,
        }
        for issue in told_issues(facts)
    ]
    return {
        "release": facts.release,
        "cutoff": to_utc(facts.cutoff),
        "rows": {table.name: table.ledger.published for table in facts.tables},
        "leastCount": least_count(facts),
        "issues": issues,
        "accepted": [{"table": table, "code": code} for table, code in facts.accepted],
    }


def disclosure(facts: ReleaseFacts) -> dict[str, Any]:
    """``disclosure.json``: the policy, what it kept out by public reason, and what it publishes."""
    policy = facts.policy
    return {
        "release": facts.release,
        "cutoff": to_utc(facts.cutoff),
        "policy": {
            "name": policy.name,
            "title": policy.title,
            "description": policy.description,
            "sha256": policy.sha256,
            "access": policy.access,
            "personalData": policy.personal_data,
        },
        "screenedUpstream": list(facts.screened_upstream),
        "tables": {
            table.name: {
                "records": public_counts(facts, table),
                "columns": list(table.schema.names),
                "rules": columns(table),
                **protection(facts, table),
            }
            for table in facts.tables
        },
        "aggregates": {
            table.name: {
                "of": table.table,
                "protection": table.protection,
                "threshold": table.threshold,
                "roundTo": table.round_to,
                "ptable": table.ptable,
            }
            for table in facts.aggregates
        },
    }
