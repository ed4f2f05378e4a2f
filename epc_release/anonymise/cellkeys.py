"""The secret key of protected tables: one for the life of a release line.

``EPC_RELEASE_CELL_KEY``, or a private file that ``EPC_RELEASE_CELL_KEY_FILE`` names, in the form of
the key of pseudonyms. It never rotates: with another key the same records would get another
perturbation, and the mean of several is the truth.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from epc_release.anonymise.keys import FILE_VARIABLE, KEY_VARIABLE, VARIABLES, Keyring
from epc_release.errors import ReleaseError

CELL_KEY_VARIABLE, CELL_FILE_VARIABLE = "EPC_RELEASE_CELL_KEY", "EPC_RELEASE_CELL_KEY_FILE"


def cell_keyring(environment: Mapping[str, str] | None = None) -> Keyring:
    """The key of this process's environment. Raises E190, also where it is that of pseudonyms."""
    given = os.environ if environment is None else environment
    own = {
        KEY_VARIABLE: given.get(CELL_KEY_VARIABLE, ""),
        FILE_VARIABLE: given.get(CELL_FILE_VARIABLE, ""),
    }
    if not any(own.values()):
        raise ReleaseError("E190", problem=f"neither it nor {CELL_FILE_VARIABLE} is set")
    if all(own.values()):
        raise ReleaseError("E190", problem=f"{CELL_FILE_VARIABLE} is set as well")
    try:
        keyring = Keyring.from_environment(own)
    except ReleaseError as error:
        raise ReleaseError("E190", problem=str(error.details["problem"])) from None
    if _is_of_pseudonyms(keyring, given):
        raise ReleaseError("E190", problem="it is the key of pseudonyms, which may rotate")
    return keyring


def _is_of_pseudonyms(keyring: Keyring, environment: Mapping[str, str]) -> bool:
    if not any(environment.get(name) for name in VARIABLES):
        return False
    return Keyring.from_environment(environment).key_id == keyring.key_id
