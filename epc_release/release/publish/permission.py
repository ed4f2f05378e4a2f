"""Who may make a release public, and when: what is missing, said before anything is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.manifests.layout import QUALITY
from epc_release.manifests.minisign import PublicKey
from epc_release.release.publish.approval import approvals
from epc_release.release.publish.pointers import Index
from epc_release.release.publish.staged import Staged, read_staged
from epc_release.release.publish.stores import Store, place


@dataclass(frozen=True)
class Lack:
    """What is missing, with the code of its error; ``always``: even a person cannot pass it."""

    code: str
    why: str
    always: bool

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Rules:
    """The settings of who may promote.

    ``policy_approved`` says of (register, policy, sha256) whether somebody approved exactly this
    policy; ``approvers`` are the keys whose approval counts where ``promotion`` is ``approved``.
    """

    promotion: Literal["automatic", "approved"]
    not_before: datetime | None
    approvers: tuple[PublicKey, ...]
    policy_approved: Callable[[str, str, str], bool]
    now: datetime

    def lacks(self, store: Store, release: str, index: Index) -> tuple[Lack, ...]:
        """What is missing for a staged release to become public without anybody's command.

        A plain folder needs only passed gates; a store an approved policy and a release that is
        there already too, or the approval of the release itself.
        """
        staged = read_staged(store, release)
        found = [*self._embargo(release)]
        if self.promotion == "approved":
            found += self._approval(store, staged)
        else:
            found += _gates(store, staged)
            if place(store.uri)[0] != "folder":
                found += self._unattended(staged, index)
        return tuple(found)

    def check(self, store: Store, release: str, index: Index) -> None:
        """Raises what forbids it even where a person promotes: E434, E435, E443."""
        for lack in self.lacks(store, release, index):
            if lack.always:
                raise ReleaseError(lack.code, uri=store.uri, release=release, why=lack.why)

    def _embargo(self, release: str) -> Iterator[Lack]:
        if self.not_before is not None and self.now < self.not_before:
            until = to_utc(self.not_before)
            yield Lack("E434", f"{release} may not be public before {until}", always=True)

    def _approval(self, store: Store, staged: Staged) -> Iterator[Lack]:
        release = staged.candidate.release
        if not self.approvers:
            yield Lack("E443", "no approvers are named", always=True)
        elif not approvals(store, staged, self.approvers):
            why = f"nobody has approved {release}: epc-release approve {release} --to {store.uri}"
            yield Lack("E435", why, always=True)

    def _unattended(self, staged: Staged, index: Index) -> Iterator[Lack]:
        found = staged.candidate
        if not self.policy_approved(found.register, found.policy, found.policy_sha256):
            why = f"nobody approved policy {found.policy} as it is: epc-release policy approve"
            yield Lack("E155", why, always=False)
        if index.current is None:
            yield Lack("E444", "it would be the first release there", always=False)


def _gates(store: Store, staged: Staged) -> Iterator[Lack]:
    """Data quality gates that were accepted instead of passed, as the release itself tells."""
    stored = store.read(f"{staged.prefix}{QUALITY}")
    if stored is None:
        yield Lack("E301", f"it has no {QUALITY} that tells of its gates", always=False)
        return
    try:
        accepted = json.loads(stored[0])["accepted"]
        told = ", ".join(sorted({f"{each['table']} {each['code']}" for each in accepted}))
    except (ValueError, KeyError, TypeError) as why:
        path = f"{staged.prefix}{QUALITY}"
        raise ReleaseError("E619", uri=store.uri, path=path, why=type(why).__name__) from why
    if told:
        yield Lack("E301", f"gates were accepted, not passed: {told}", always=False)
