"""Credentials that end while a release goes up: looked up anew, and the request is repeated.

boto3 renews what it knows the end of. It does not where the store ends them earlier, where the
clocks disagree, or where they stand in a file that something else rewrites: there the store answers
``ExpiredToken``, which boto3 never repeats.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import botocore.session
from botocore.credentials import Credentials, ReadOnlyCredentials, create_credential_resolver
from botocore.exceptions import BotoCoreError

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNTOLD = "400"  # the answer to a HEAD has no body that would say why
_ATTEMPTS = 3  # of one request
_FRESH = 1.0  # seconds in which what one thread has looked up serves the others

Look = Callable[[], Credentials | None]


def look_up() -> Credentials | None:
    """What the environment, the files or the role give now; nothing is remembered."""
    found: Credentials | None = create_credential_resolver(
        botocore.session.Session()
    ).load_credentials()
    return found


class Renewable(Credentials):
    """The credentials of a client, which ``renew`` replaces by what is found then."""

    def __init__(self, found: Credentials, look: Look = look_up) -> None:
        frozen = found.get_frozen_credentials()
        key, secret = frozen.access_key or "", frozen.secret_key or ""
        super().__init__(key, secret, frozen.token, method=found.method)
        self._found, self._look = found, look
        self._lock, self._renewed = threading.Lock(), float("-inf")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self._found.get_frozen_credentials()

    def renew(self) -> None:
        """Look them up anew, once for all threads that ask at the same time.

        Where there are none at this moment, as in a file that is being written, they stay.
        """
        with self._lock:
            if time.monotonic() - self._renewed < _FRESH:
                return
            with suppress(BotoCoreError):
                found = self._look()
                if found is not None:
                    self._found, self._renewed = found, time.monotonic()


class _Provider:
    """Gives a botocore session renewable credentials, or none where there are none."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def load_credentials(self) -> Renewable | None:
        found = self._look()
        return None if found is None else Renewable(found, self._look)


def session(look: Look = look_up) -> Any:
    """A boto3 session whose credentials can be renewed."""
    under = botocore.session.Session()
    under.register_component("credential_provider", _Provider(look))
    return boto3.session.Session(botocore_session=under)


def renew_when_expired(client: Any, credentials: Renewable | None) -> None:
    """Let ``client`` repeat what the store refuses as expired, signed with what is found then."""

    def again(response: Any, attempts: int, **_: Any) -> float | None:
        answer = response[1].get("Error", {}).get("Code") if response else None
        if answer not in EXPIRED and answer != _UNTOLD:
            return None
        if attempts >= _ATTEMPTS or credentials is None:
            return None
        credentials.renew()
        return 0.1 * attempts

    client.meta.events.register_first("needs-retry.s3", again)
