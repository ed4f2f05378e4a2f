"""What a page tells of a table beside its files: columns, issues, protection, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from epc_release.manifests.dictionary import described, share_missing
from epc_release.manifests.facts import ChangeFacts, ReleaseFacts, TableFacts
from epc_release.manifests.issues import ToldIssue, told_issues


@dataclass(frozen=True)
class Column:
    """One published column; ``missing`` is a percentage, empty where it is not told."""

    name: str
    type: str
    unit: str
    allowed: str
    known: str
    known_count: int
    meaning: str
    licence: str
    first_year: str
    missing: str


@dataclass(frozen=True)
class Since:
    """What changed in a table since an earlier release: records of its two lists, and the lists."""

    release: str
    table: str
    records: int
    removed: int
    files: tuple[ChangeFacts, ...]


def columns(facts: ReleaseFacts, table: TableFacts) -> list[Column]:
    """The dictionary of a table, as ``dictionary.csv`` has it."""
    found = []
    for field in table.schema.fields:
        name, type_, unit, allowed, known = described(field)
        share = share_missing(facts, table, field.name)
        found.append(
            Column(
                name=name,
                type=type_,
                unit=unit,
                allowed=allowed,
                known=known,
                known_count=len(field.descriptor.get("known_values", ())),
                meaning=str(field.descriptor.get("description", field.descriptor.get("title", ""))),
                licence=field.licence,
                first_year=table.first_years.get(name, ""),
                missing=f"{(Decimal(share) * 100).normalize():f}%" if share else "",
            )
        )
    return found


def issues(facts: ReleaseFacts) -> dict[str, list[ToldIssue]]:
    """Issues by table, as ``quality.json`` tells them."""
    found: dict[str, list[ToldIssue]] = {table.name: [] for table in facts.tables}
    for issue in told_issues(facts):
        found[issue.table].append(issue)
    return found


def licences(facts: ReleaseFacts) -> list[tuple[Mapping[str, str], dict[str, list[str]]]]:
    """Each licence that is used, with the columns of each table that it holds for."""
    known = {str(entry["name"]): entry for entry in facts.register.licences}
    found: dict[str, dict[str, list[str]]] = {}
    for table in facts.tables:
        for field in table.schema.fields:
            found.setdefault(field.licence, {}).setdefault(table.name, []).append(field.name)
    return [(known.get(name, {"name": name}), found[name]) for name in sorted(found)]


def changes(facts: ReleaseFacts) -> list[Since]:
    """By earlier release and table, in the order of the facts; the CSVs repeat the Parquet lists.

    A table of which nothing changed has no lists and is not among them.
    """
    found: dict[tuple[str, str], list[ChangeFacts]] = {}
    for change in facts.changes:
        if change.table is not None:
            found.setdefault((change.since, change.table), []).append(change)

    def rows(files: list[ChangeFacts], kind: str) -> int:
        return sum(f.file.rows or 0 for f in files if f.kind == kind and f.schema is not None)

    return [
        Since(release, table, rows(files, "records"), rows(files, "removed"), tuple(files))
        for (release, table), files in found.items()
    ]
