"""What a person sees of a build or a plan: short, in tables, with where to look next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from epc_release.manifests.facts import ReleaseFacts
from epc_release.manifests.ledger import exact_ledger
from epc_release.release.gates.evaluate import Judged
from epc_release.release.prepare import Prepared
from epc_release.release.profile import Profile


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Columns of text; all but the first to the right."""
    cells = [head, *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _size(amount: int) -> str:
    value = float(amount)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"


def _records(count: int | None) -> str:
    return "records unknown" if count is None else f"{count:,} records"


def _protection(facts: ReleaseFacts) -> list[str]:
    """What the key sets were measured to hold on the finished files, and what that cost."""
    held: list[tuple[object, ...]] = [
        (t.name, each.id, each.asked["k"], each.measures["k"] or "-", each.measures["classes"])
        for t in facts.tables
        for each in t.key_sets
    ]
    if not held:
        return []
    cells = [f"{sum(t.starred.values()):,} cells of {t.name}" for t in facts.tables if t.starred]
    return [
        table(("table", "key set", "k asked", "k measured", "classes"), held),
        "",
        f"Made missing by suppression: {', '.join(cells) or 'nothing'}.",
    ]


@dataclass(frozen=True)
class BuildReport:
    """A finished build; ``new`` is False where the same release stood there already.

    ``rekeyed`` is the release before it where its pseudonyms were made with another key.
    """

    facts: ReleaseFacts
    path: Path
    new: bool
    state: Path
    judged: Judged = field(default_factory=Judged)
    rekeyed: str | None = None
    profile: Profile = field(default_factory=Profile)

    @property
    def release(self) -> str:
        return self.facts.release

    @property
    def ledger(self) -> dict[str, Any]:
        """The exact ledger, as in the state folder."""
        return exact_ledger(self.facts)

    def summary(self) -> str:
        """Rows by table, issues, sizes and where everything is."""
        facts = self.facts
        rows: list[tuple[object, ...]] = [
            (
                t.name,
                t.ledger.read,
                sum(t.ledger.excluded.values()),
                sum(t.ledger.rejected.values()),
                t.ledger.suppressed,
                t.ledger.published,
            )
            for t in facts.tables
        ]
        marks = [name for name in ("partial", "synthetic") if getattr(facts, name)]
        files = [part for t in facts.tables for part in t.parts] + list(facts.archives)
        missing = sum(i.count for t in facts.tables for i in t.issues if i.severity == "error")
        refused = [
            f"Refused: {file.name} ({file.code}, {_records(file.records)})"
            for file in facts.refused
        ]
        lines = [
            f"Release {facts.release} of {facts.register.title}",
            f"under policy {facts.policy.name}, cut-off {facts.cutoff.isoformat()}"
            + (f" ({', '.join(marks)})" if marks else ""),
            "",
            table(("table", "read", "excluded", "rejected", "suppressed", "published"), rows),
            "",
            *_protection(facts),
            *refused,
            f"Compared with release {self.judged.previous}."
            if self.judged.previous
            else "There was no previous release to compare with.",
            *self._rekeyed(),
            *(f"Accepted: {table} {code}" for table, code in self.judged.told),
            f"{missing:,} cells could not be read and are published missing.",
            f"{len(files):,} data files, {_size(sum(file.bytes for file in files))}.",
            f"Release: {self.path}" + ("" if self.new else " (the same stood there already)"),
            f"Private: {self.state / facts.release} (ledger, audit, report, quarantine)",
            _cost(self.profile),
        ]
        return "\n".join(lines)

    def _rekeyed(self) -> list[str]:
        if self.rekeyed is None:
            return []
        return [f"The key is not that of release {self.rekeyed}: every pseudonym is another one."]


def _cost(profile: Profile) -> str:
    cores = profile.cpu / profile.wall if profile.wall else 0.0
    return (
        f"It took {profile.wall:,.1f} s and {profile.cpu:,.1f} CPU seconds"
        f" ({cores:.1f} cores busy); peak memory {_size(profile.peak)}."
    )


def profile_table(profile: Profile) -> str:
    """The cost of each stage, in the order in which they began, and of parts within them."""
    stages: list[tuple[object, ...]] = [
        (
            name,
            each.tasks,
            f"{each.cpu:,.2f}",
            f"{each.wall:,.2f}",
            _size(each.read),
            _size(each.written),
        )
        for name, each in profile.stages.items()
    ]
    inside = sum(each.cpu for each in profile.stages.values())
    stages.append(("(driver, start-up)", "", f"{profile.cpu - inside:,.2f}", "", "", ""))
    parts: list[tuple[object, ...]] = [
        (name, f"{cpu:,.2f}") for name, cpu in profile.parts.most_common()
    ]
    head = ("stage", "tasks", "CPU s", "wall s", "read", "written")
    return "\n".join((table(head, stages), "", table(("part", "CPU s"), parts)))


@dataclass(frozen=True)
class PlanReport:
    """What a build would do, before anything is read."""

    prepared: Prepared

    def content(self) -> dict[str, Any]:
        """The plan as data."""
        prepared = self.prepared
        return {
            "release": prepared.release,
            "register": prepared.register.name,
            "policy": prepared.policy.name,
            "cutoff": prepared.cutoff.isoformat(),
            "synthetic": prepared.synthetic,
            "partial": prepared.settings.limit is not None,
            "out": str(prepared.settings.out / prepared.release),
            "state": str(prepared.settings.state / prepared.release),
            "previous": prepared.settings.previous
            or ("latest" if prepared.settings.to and not prepared.settings.limit else None),
            "temporary_bytes": prepared.temporary_bytes,
            "memory_bytes": prepared.settings.memory,
            "jobs": prepared.settings.jobs,
            "parts": [
                {
                    "name": part.name,
                    "table": part.table,
                    "dialect": part.match.dialect.dialect,
                    "bytes": part.bytes,
                }
                for part in prepared.inventory.parts
            ],
            "ignored": [{"name": name, "why": why} for name, why in prepared.inventory.ignored],
            "refused": [asdict(file) for file in prepared.inventory.refused],
            "suppressions_seen": list(prepared.inventory.suppressions_seen),
            "screened_upstream": sorted(
                {rule for d in prepared.dialects for rule in d.screened_upstream}
            ),
        }

    def json(self) -> str:
        """The plan as JSON."""
        return json.dumps(self.content(), ensure_ascii=False, indent=2)

    def __str__(self) -> str:
        content = self.content()
        parts: list[tuple[object, ...]] = [
            (part["name"], part["table"], part["dialect"], _size(part["bytes"]))
            for part in content["parts"]
        ]
        lines = [
            f"Release {content['release']} of {self.prepared.register.title}",
            f"under policy {content['policy']}, cut-off {content['cutoff']}",
            "",
            table(("source", "table", "dialect", "size"), parts),
            "",
            *(f"Left out: {left['name']} ({left['why']})" for left in content["ignored"]),
            *(
                f"Refused: {file['name']} ({_records(file['records'])}): {file['problem']}"
                for file in content["refused"]
            ),
            *(
                f"Seen and not used: {name} (name it with --suppressions)"
                for name in content["suppressions_seen"]
            ),
            f"Screened upstream, not here: {', '.join(content['screened_upstream']) or 'nothing'}",
            f"Rows are compared with: {content['previous'] or 'no previous release'}",
            f"Needs about {_size(content['temporary_bytes'])} of temporary disk.",
            f"Stays below {_size(content['memory_bytes'])} of memory with {content['jobs']} jobs.",
            f"Would write {content['out']}; private files go to {content['state']}.",
        ]
        return "\n".join(lines)
