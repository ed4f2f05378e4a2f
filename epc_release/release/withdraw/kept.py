"""How many releases of a line stay public where nobody says: the fewer, the less is withdrawn."""

from __future__ import annotations

from epc_release.anonymise.policy import load_policy
from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.publish.moves import read_index
from epc_release.release.publish.stores import Store
from epc_release.schemas.load import load_register

PERSONAL = 2  # the newest, and the one that changes lead from


def kept_releases(settings: Settings, store: Store) -> int:
    """As set; else two of a line of personal data. Raises E444, E462 and E140 to E147."""
    if settings.keep is not None:
        return settings.keep
    index = read_index(store)
    policy = load_policy(settings.policy or index.policy, load_register(index.register))
    if not policy.contains_personal_data:
        raise ReleaseError("E462", uri=store.uri, policy=policy.name)
    return PERSONAL
