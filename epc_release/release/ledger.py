"""The row accounting of a build, and the gates that rest on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import TableLedger

GATE_FROM_ROWS = 1000  # a share of fewer rows says nothing
MAX_REJECTED = 0.02  # share of the rows read
UNCONDITIONAL = ("duplicate-row",)  # a copy of a record that is published loses nothing


class Account:
    """Counts of one table, added up from its tasks."""

    def __init__(self) -> None:
        self.read = 0
        self.published = 0
        self.excluded: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.suppressed = 0

    def add(self, read: int, excluded: Mapping[str, int], rejected: Mapping[str, int]) -> None:
        self.read += read
        self.excluded.update(excluded)
        self.rejected.update(rejected)

    @property
    def left(self) -> int:
        """Records that were neither excluded, rejected nor suppressed."""
        return self.read - self.excluded.total() - self.rejected.total() - self.suppressed

    @property
    def reasons(self) -> str:
        """Why records were left out, with their numbers."""
        counts = sorted((self.excluded + self.rejected).items())
        return ", ".join(f"{name} {count}" for name, count in counts)

    def close(self, table: str) -> TableLedger:
        """The ledger, proved. Raises E902 where a record is not accounted for."""
        excluded, rejected = sum(self.excluded.values()), sum(self.rejected.values())
        if self.read != self.published + excluded + rejected + self.suppressed:
            raise ReleaseError(
                "E902",
                table=table,
                read=self.read,
                published=self.published,
                excluded=excluded,
                rejected=rejected,
                suppressed=self.suppressed,
            )
        return TableLedger(
            read=self.read,
            published=self.published,
            excluded=dict(sorted(self.excluded.items())),
            rejected=dict(sorted(self.rejected.items())),
            suppressed=self.suppressed,
        )


def check_rejects(table: str, account: Account, kept: Path | str = "quarantine") -> None:
    """Stop where too many records were rejected; ``kept`` is where they are. Raises E301."""
    counted = sum(n for code, n in account.rejected.items() if code not in UNCONDITIONAL)
    if account.read >= GATE_FROM_ROWS and counted > MAX_REJECTED * account.read:
        codes = ", ".join(f"{code} {n}" for code, n in sorted(account.rejected.items()))
        raise ReleaseError(
            "E301",
            table=table,
            rejected=counted,
            read=account.read,
            codes=codes,
            limit=f"{MAX_REJECTED:.0%}",
            kept=kept,
        )


def check_empty(table: str, account: Account) -> None:
    """Stop where a table that had records would publish none. Raises E302."""
    if account.read and not account.left:
        raise ReleaseError("E302", table=table, read=account.read, reasons=account.reasons)


def check_any(accounts: Iterable[Account]) -> None:
    """Stop where no table would publish a record: there is no empty release. Raises E308."""
    total = Account()
    for account in accounts:
        total.add(account.read, account.excluded, account.rejected)
    if not total.left:
        raise ReleaseError("E308", read=total.read, reasons=total.reasons)
