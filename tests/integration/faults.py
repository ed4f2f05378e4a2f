"""A client whose requests go through a hook, put in by botocore's ``before-send`` event.

The request is signed and would be sent, so the real retry code is above it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders

from epc_release.release.publish import s3
from epc_release.release.publish.protocol import PublishReport, publish

if TYPE_CHECKING:
    from tests.integration.conftest import Place


def right(_: Path) -> None:
    """A release that verifies."""


class Faults:
    """A client of a place whose requests go through ``hook`` (None: send it, or an answer)."""

    def __init__(self, place: Place, hook: Callable[[int, Any], Any], event: str = "*") -> None:
        assert place.server is not None
        self.client = place.server.client(parameter_validation=False)
        self.sent = 0
        self._hook, self._lock = hook, threading.Lock()
        name = "before-send.s3" if event == "*" else f"before-send.s3.{event}"
        self.client.meta.events.register(name, self._before)

    def _before(self, request: Any, **_: Any) -> Any:
        with self._lock:
            number, self.sent = self.sent, self.sent + 1
        return self._hook(number, request)

    def really(self, request: Any) -> Any:
        """Send it; the store has done what it says, whatever the client is told."""
        return self.client._endpoint.http_session.send(request)

    def publish(self, place: Place, release: Path, patch: pytest.MonkeyPatch) -> PublishReport:
        with patch.context() as patched:
            patched.setattr(s3, "connect", lambda: self.client)
            return publish(release, place.uri, verify=right)


def answer(request: Any, status: int, code: str) -> AWSResponse:
    """An error of the store; without a code it has no body, as that to a HEAD."""

    class Raw(io.BytesIO):
        def stream(self, *_: object, **__: object) -> Any:
            yield self.read()

    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
    told = HTTPHeaders.from_dict({"content-length": str(len(body))})
    return AWSResponse(request.url, status, told, Raw(body))
