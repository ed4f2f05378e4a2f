"""The row accounting of a build, and the gate against publishing nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

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
    gone = account.excluded.total() + account.rejected.total() + account.suppressed
    if account.read and account.read == gone:
        reasons = ", ".join(
            f"{name} {n}" for name, n in sorted((account.excluded + account.rejected).items())
        )
        raise ReleaseError("E302", table=table, read=account.read, reasons=reasons)
