"""What a place holds of a release and says of it, looked up before anything is touched there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import CHECKSUMS, SIGNATURE
from epc_release.release.publish import pointers
from epc_release.release.publish.candidate import Candidate
from epc_release.release.publish.parallel import each
from epc_release.release.publish.plan import Plan, plan_publish
from epc_release.release.publish.seal import Seal, check_key, sealed
from epc_release.release.publish.stores import ObjectInfo, Store, place

WORKERS = 8


@dataclass(frozen=True)
class Survey:
    """What a place holds of a candidate, and what its pointers say of it.

    ``plan`` is about ``staging``; ``refused`` are public paths that stand in the way for good.
    ``sealed``: they need neither renewal nor a signature.
    """

    index: pointers.Index
    staging: str
    plan: Plan
    refused: tuple[str, ...]
    listed: bool
    latest: bytes | None
    sealed: bool

    @property
    def done(self) -> bool:
        """Whether every file and all pointers are as they should be."""
        whole = self.listed and not self.plan.new and not self.plan.conflicting
        return whole and self.sealed and self.latest == pointers.latest_json(self.index)


def permit(candidate: Candidate, to: str, allowed: dict[str, bool]) -> None:
    """E617 for a folder inside the release; E613 for a release that a store must not get."""
    scheme, _, path = place(to)
    if scheme == "folder":
        target = Path(path).resolve()
        if target.is_relative_to(candidate.folder.resolve()):
            raise ReleaseError("E617", uri=to, why="this is inside the release itself")
        return
    for kind, permitted in allowed.items():
        if getattr(candidate, kind) and not permitted:
            raise ReleaseError("E613", release=candidate.release, kind=kind, uri=to)


def look_up(store: Store, candidate: Candidate, seal: Seal) -> Survey:
    """Look before anything is touched; raises where this release may not be published here."""
    index = line_index(store, candidate)
    check_key(store, seal)
    entry = index.entry(candidate.release)
    if entry is not None:
        if entry["status"] not in pointers.THERE:
            raise ReleaseError(
                "E618", uri=store.uri, release=candidate.release, status=entry["status"]
            )
        if entry["sha256"] != candidate.sha256sums:
            raise conflict(store, candidate, (CHECKSUMS,))
    staging = store.staging(candidate.release)
    plan = plan_publish(candidate.files, existing(store, candidate, staging))
    public = f"{candidate.release}/"
    refused = plan.conflicting
    if staging != public:
        refused = plan_publish(candidate.files, existing(store, candidate, public)).conflicting
    latest = (store.read(pointers.LATEST) or (None,))[0]
    return Survey(
        index, staging, plan, refused, entry is not None, latest, sealed(store, index, seal)
    )


def line_index(store: Store, candidate: Candidate) -> pointers.Index:
    """What the place has published; E612 if that is another line than the candidate's."""
    stored = store.read(pointers.RELEASES)
    if stored is None:
        return pointers.Index(candidate.register, candidate.policy)
    index = pointers.parse(*stored, store.uri)
    if (index.register, index.policy) != (candidate.register, candidate.policy):
        raise ReleaseError(
            "E612",
            uri=store.uri,
            register=index.register,
            policy=index.policy,
            new_register=candidate.register,
            new_policy=candidate.policy,
        )
    return index


def existing(store: Store, candidate: Candidate, staging: str) -> dict[str, ObjectInfo]:
    """What is stored of the release, with recorded hashes; read back where none is recorded.

    A signature that the candidate lacks is no object in its way.
    """
    sizes = {file.path: file.bytes for file in candidate.files}
    unsigned = SIGNATURE not in sizes

    def look(listed: ObjectInfo) -> ObjectInfo:
        path = listed.path.removeprefix(staging)
        if sizes.get(path) != listed.bytes:
            return ObjectInfo(path, listed.bytes)
        info = store.head(listed.path) or listed
        return ObjectInfo(path, info.bytes, info.sha256 or store.digest(listed.path))

    listed = store.list(staging)
    if unsigned:
        listed = [info for info in listed if info.path != f"{staging}{SIGNATURE}"]
    return {info.path: info for info in each(look, listed, WORKERS)}


def conflict(store: Store, candidate: Candidate, paths: tuple[str, ...]) -> ReleaseError:
    """E610, naming a few of the paths."""
    return ReleaseError("E610", uri=store.uri, release=candidate.release, paths=few(paths))


def few(paths: tuple[str, ...]) -> str:
    """The first paths, and how many more there are."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"{', '.join(paths[:3])}{more}"
