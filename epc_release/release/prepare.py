"""Before anything is read: what a build would do, and all that can be refused beforehand.

``prepare`` looks at settings, register, policy, headers, control file and suppression list only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from epc_release.anonymise.cellkeys import cell_keyring
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import Policy, load_policy
from epc_release.anonymise.suppressions import SuppressionList, read_suppressions
from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.context import MAX_BUCKETS, bind_header
from epc_release.release.source import Inventory, discover
from epc_release.release.standing import withdrawn
from epc_release.schemas.extra import with_dialects
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register, TableDialect

RAW_PER_WORKER = 7  # a worker's peak is about this many times its chunk of raw text
WORKER_BASE = 200 << 20  # bytes of a worker before it has read anything
MIN_CHUNK, MAX_CHUNK = 4 << 20, 96 << 20


@dataclass(frozen=True)
class Prepared:
    """A build that may begin. ``chunk_bytes`` and ``buckets`` follow from the memory setting."""

    settings: Settings
    register: Register
    policy: Policy
    inventory: Inventory
    suppressions: SuppressionList | None
    cutoff: datetime
    release: str
    chunk_bytes: int
    buckets: int

    @property
    def dialects(self) -> tuple[TableDialect, ...]:
        """Of the tables that the sources hold, each once."""
        found = {(p.match.dialect.dialect, p.table): p.match.dialect for p in self.inventory.parts}
        return tuple(found[key] for key in sorted(found))

    @property
    def synthetic(self) -> bool:
        return self.inventory.control is not None and self.inventory.control.synthetic

    def group_rows(self, table: str, read: int) -> int:
        """Rows of a table that a worker finishes at a time: about those of one and a half chunks.

        ``read`` is the number of its records.
        """
        text_bytes = sum(part.text_bytes for part in self.inventory.of(table))
        return int(1.5 * self.chunk_bytes * read / max(text_bytes, 1))

    @property
    def temporary_bytes(self) -> int:
        """Disk that a build needs beside its result: spills, fragments and the release itself."""
        return sum(part.text_bytes for part in self.inventory.parts)


def prepare(settings: Settings) -> Prepared:
    """Everything that a build needs to know; raises where it could not succeed."""
    if not settings.sources:
        raise ReleaseError("E108")
    register = with_dialects(load_register(settings.register), settings.dialects)
    policy = load_policy(settings.policy or register.default_policy, register)
    inventory = discover(settings.sources, register, encoding=settings.encoding)
    cutoff = _cutoff(settings, inventory)
    if policy.needs_key:
        Keyring.from_environment()
    if policy.needs_cell_key:
        cell_keyring()
    _check_tables(register, inventory)
    memory = max(settings.memory // settings.jobs - WORKER_BASE, MIN_CHUNK * RAW_PER_WORKER)
    text_bytes = sum(part.text_bytes for part in inventory.parts)
    return Prepared(
        settings=settings,
        register=register,
        policy=policy,
        inventory=inventory,
        suppressions=_suppressions(settings, policy, register, inventory, cutoff),
        cutoff=cutoff,
        release=settings.release or local_date(cutoff, register.timezone),
        chunk_bytes=min(max(memory // RAW_PER_WORKER, MIN_CHUNK), MAX_CHUNK),
        buckets=_buckets(text_bytes // (memory // 2)),
    )


def _buckets(needed: int) -> int:
    """A power of two, so that buckets of one release are whole ones, or parts, of another's."""
    return min(1 << max(3, (needed - 1).bit_length()), MAX_BUCKETS)


def local_date(moment: datetime, timezone: str) -> str:
    """The date of a moment where the register is kept, as a release id."""
    return moment.astimezone(ZoneInfo(timezone)).date().isoformat()


def _cutoff(settings: Settings, inventory: Inventory) -> datetime:
    """The cut-off: as set, else the extract's snapshot time, else now."""
    if settings.cutoff is not None:
        return settings.cutoff
    if inventory.control is not None:
        return inventory.control.snapshot_time
    return datetime.now(UTC).replace(microsecond=0)


def _check_tables(register: Register, inventory: Inventory) -> None:
    given = {part.table for part in inventory.parts}
    for table in register.tables:
        if table.name in given and table.parent and table.parent not in given:
            raise ReleaseError("E303", table=table.name, parent=table.parent)


def _suppressions(
    settings: Settings,
    policy: Policy,
    register: Register,
    inventory: Inventory,
    cutoff: datetime,
) -> SuppressionList | None:
    """The list as it counts at the cut-off. Raises E307 where one is needed and not given."""
    bound = [bind_header(policy, register, part.match) for part in inventory.parts]
    needed = any(each.needs_suppressions for each in bound)
    if settings.suppressions is None:
        if needed:
            seen = ", ".join(inventory.suppressions_seen)
            raise ReleaseError(
                "E307", policy=policy.name, seen=f" (seen beside the data: {seen})" if seen else ""
            )
        return None
    listed = inventory.control.suppressions if inventory.control else None
    as_of = settings.suppressions_as_of or (listed.as_of if listed else None)
    limit = policy.max_age if needed else None
    standing = withdrawn(settings.state, register.name)
    return read_suppressions(settings.suppressions, cutoff, as_of, limit, standing)
