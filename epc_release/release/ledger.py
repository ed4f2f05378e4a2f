"""The row accounting of a build, and the gate against publishing nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from epc_release.errors import ReleaseError
from epc_release.manifests.facts import TableLedger


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
        suppressed = Counter({"suppressed": self.suppressed})
        counts = sorted((self.excluded + self.rejected + suppressed).items())
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


def check_empty(table: str, account: Account) -> None:
    """Stop where a table that had records would publish none. Raises E302."""
    if account.read and not account.left:
        raise ReleaseError("E302", table=table, read=account.read, reasons=account.reasons)


def check_any(accounts: Iterable[Account]) -> None:
    """Stop where no table would publish a record: there is no empty release. Raises E308."""
    total = Account()
    for account in accounts:
        total.add(account.read, account.excluded, account.rejected)
        total.suppressed += account.suppressed
    if not total.left:
        raise ReleaseError("E308", read=total.read, reasons=total.reasons)
