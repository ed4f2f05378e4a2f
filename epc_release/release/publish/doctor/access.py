"""Who may read what is published at a place: as its policy says."""

from __future__ import annotations

from typing import Any

from epc_release.anonymise.policy import load_policy
from epc_release.errors import ReleaseError
from epc_release.release.publish import pointers
from epc_release.release.publish.doctor.bucket_policy import bucket_policy
from epc_release.release.publish.s3 import S3Store
from epc_release.release.publish.stores import Store
from epc_release.schemas.load import load_register


def policy_for(store: Store, register: str | None, policy: str | None) -> dict[str, Any]:
    """The bucket policy of a place of that release line; by default the line that is there.

    Raises E621 unless the policy is open to all, E622 if none is known, E623 if there is no bucket.
    """
    if not isinstance(store, S3Store):
        raise ReleaseError("E623", uri=store.uri)
    stored = store.read(pointers.RELEASES)
    line = pointers.parse(*stored, store.uri) if stored else None
    if line is None and policy is None:
        raise ReleaseError("E622", uri=store.uri, why="no release is published there")
    name = register or (line.register if line else "epc")
    try:
        found = load_policy(policy or (line.policy if line else ""), load_register(name))
    except ReleaseError as error:
        if policy is not None or line is None:
            raise
        why = f"the policy {line.policy} of its releases does not come with this program"
        raise ReleaseError("E622", uri=store.uri, why=why) from error
    if line is not None and (line.register, line.policy) != (name, found.name):
        why = f"its releases are of {line.register} under {line.policy}, not under {found.name}"
        raise ReleaseError("E622", uri=store.uri, why=why)
    return bucket_policy(store.bucket, store.prefix, found.access, store.uri)
