"""A release over HTTP(S), with nothing but the standard library.

Redirects to another host are refused (a release's files are relative to its own address), and a
server that ignores ranges is read once into a temporary file.
"""

from __future__ import annotations

import tempfile
import time
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from typing import IO, BinaryIO, cast
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from epc_release.errors import ReleaseError
from epc_release.manifests.layout import CHECKSUMS
from epc_release.release.publish.candidate import parse_sums
from epc_release.release.publish.ranges import ranged
from epc_release.release.publish.stores import checked

_TIMEOUT = 60  # seconds
_ATTEMPTS = 4
_SUMS_BYTES = 64 << 20
_CHUNK = 1 << 20


class _SameHost(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise HTTPError(req.full_url, code, "redirect to another host", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class WebReader:
    """A release at an ``http(s)://`` address; it lists SHA256SUMS and what that names."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._opener = build_opener(_SameHost())
        self._sizes: dict[str, int] = {}
        self._ranges: bool | None = None  # whether the server serves ranges, once known

    def list(self) -> list[str]:
        """SHA256SUMS and the paths that it names."""
        with self.open(CHECKSUMS) as file:
            sums = parse_sums(file.read(_SUMS_BYTES), self._uri)
        return sorted([*sums, CHECKSUMS])

    def size(self, path: str) -> int:
        """Bytes; E507 if there is none."""
        if path not in self._sizes:
            with self._ask(path, method="HEAD") as answer:
                length = answer.headers.get("Content-Length", "")
            if not length.isdigit():
                raise ReleaseError("E508", uri=self._uri, path=path)
            self._sizes[path] = int(length)
        return self._sizes[path]

    def open(self, path: str) -> BinaryIO:
        """A file that fetches only what is read, where the server can; E507 if there is none."""
        size = self.size(path)
        if size == 0 or self._serves_ranges(path):
            return ranged(size, lambda start, length: self._range(path, start, length))
        return self._whole(path, size)

    def _serves_ranges(self, path: str) -> bool:
        if self._ranges is None:
            with self._ask(path, byte_range=(0, 0)) as answer:
                self._ranges = answer.status == HTTPStatus.PARTIAL_CONTENT
        return self._ranges

    def _range(self, path: str, start: int, length: int) -> bytes:
        for _ in range(_ATTEMPTS):
            with self._ask(path, byte_range=(start, start + length - 1)) as answer:
                data = _read(answer, length)
            if len(data) == length and answer.status == HTTPStatus.PARTIAL_CONTENT:
                return data
        raise ReleaseError("E508", uri=self._uri, path=path)

    def _whole(self, path: str, size: int) -> BinaryIO:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the caller)
        try:
            with self._ask(path) as answer:
                while (left := size + 1 - file.tell()) and (
                    data := _read(answer, min(left, _CHUNK))
                ):
                    file.write(data)
            if file.tell() != size:
                raise ReleaseError("E508", uri=self._uri, path=path)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return cast("BinaryIO", file)

    def _ask(
        self, path: str, method: str = "GET", byte_range: tuple[int, int] | None = None
    ) -> HTTPResponse:
        address = f"{self._uri}/{quote(checked(path), safe='/=')}"
        asked = Request(address, method=method)  # noqa: S310 (open_reader takes HTTP only)
        asked.add_header("Accept-Encoding", "identity")
        if byte_range is not None:
            asked.add_header("Range", f"bytes={byte_range[0]}-{byte_range[1]}")
        for attempt in range(_ATTEMPTS):
            time.sleep(0.2 * attempt)
            try:
                return cast("HTTPResponse", self._opener.open(asked, timeout=_TIMEOUT))
            except HTTPError as why:
                why.close()
                failure = self._answered(why.code, path)
                if why.code < 500 and why.code != HTTPStatus.TOO_MANY_REQUESTS:
                    break
            except (HTTPException, OSError) as why:
                reason = getattr(why, "reason", None) or type(why).__name__
                failure = ReleaseError("E501", uri=self._uri, reason=reason)
        raise failure

    def _answered(self, status: int, path: str) -> ReleaseError:
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return ReleaseError("E507", uri=self._uri, path=path)
        return ReleaseError("E500", uri=self._uri, answer=f"HTTP {status}", action=f"GET {path}")


def _read(answer: HTTPResponse, length: int) -> bytes:
    """At most ``length`` bytes; fewer if the connection ends."""
    try:
        return answer.read(length)
    except IncompleteRead as why:
        return why.partial
    except OSError:
        return b""
