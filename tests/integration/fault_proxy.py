"""A small HTTP proxy on loopback between boto3 and a real server, which does harm at one request.

Path-style addresses and plain HTTP keep signatures valid. A request is known by a name that does
not depend on the order of threads: method, key within the place, query, and how often it came.
"""

from __future__ import annotations

import http.client
import os
import re
import select
import signal
import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_HOP = {"connection", "expect", "transfer-encoding", "content-length", "keep-alive"}
_QUERY = ("prefix", "partNumber", "uploads", "uploadId", "list-type")


class Gone(Exception):
    """The connection was ended."""


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Exchange:
    """One request, and what a fault can do with it."""

    proxy: Proxy
    handler: _Handler
    method: str
    target: str
    headers: Message
    name: str = ""
    _body: bytes | None = None

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length") or 0)

    def body(self) -> bytes:
        if self._body is None:
            if "100-continue" in self.headers.get("expect", ""):
                self.handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._body = self.handler.rfile.read(self.length)
        return self._body

    def forward(self) -> Answer:
        """Send it to the server."""
        connection = http.client.HTTPConnection(*self.proxy.upstream, timeout=30)
        try:
            connection.putrequest(
                self.method, self.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in _HOP:
                    connection.putheader(name, value)
            body = self.body()
            if self.length or self.method in ("PUT", "POST"):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            found = connection.getresponse()
            return Answer(found.status, found.getheaders(), found.read())
        finally:
            connection.close()

    def relay(self, answer: Answer, sent: int | None = None) -> None:
        """Pass an answer on; ``sent`` is how many bytes of its body really go out."""
        told = [(n, v) for n, v in answer.headers if n.lower() not in _HOP]
        length = str(len(answer.body))
        if self.method == "HEAD":
            length = next((v for n, v in answer.headers if n.lower() == "content-length"), "0")
        if answer.status != 204:
            told.append(("Content-Length", length))
        lines = "".join(f"{name}: {value}\r\n" for name, value in told)
        head = f"HTTP/1.1 {answer.status} {http.client.responses[answer.status]}\r\n{lines}\r\n"
        self.handler.wfile.write(head.encode("latin-1") + answer.body[:sent])
        self.handler.wfile.flush()
        if sent is not None:
            raise Gone

    def refuse(self, status: int, code: str) -> None:
        """Answer with an error, without asking the server; one to a HEAD has no body."""
        self.body()
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
        body = b"" if self.method == "HEAD" else text.encode()
        self.relay(Answer(status, [("Content-Type", "application/xml")], body))

    def reset(self) -> None:
        """Break the connection: the client sees a reset, not an end."""
        if self._body is None and self.length:
            if "100-continue" in self.headers.get("expect", ""):
                self.handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.handler.rfile.read(self.length // 2)
        linger = struct.pack("ii", 1, 0)
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise Gone

    def hang(self) -> None:
        """Say nothing until the client gives up."""
        self.body()
        select.select([self.handler.connection], [], [], 20)
        raise Gone

    def kill(self) -> None:
        """Kill the client."""
        self.proxy.client_known.wait(10)
        os.kill(self.proxy.client, signal.SIGKILL)
        raise Gone


Act = Callable[[Exchange], None]


@dataclass
class Proxy:
    """Forwards to ``upstream``; ``act`` is done at the request named ``at``, or from there on."""

    upstream: tuple[str, int]
    endpoint: str = ""
    prefix: str = ""  # of the place, with the bucket: names are relative to it
    release: str = ""  # its id is ID in names
    at: str = ""
    act: Act | None = None
    lasting: bool = False
    fired: int = 0
    client: int = 0
    names: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    client_known: threading.Event = field(default_factory=threading.Event)
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(
        self, prefix: str, release: str, at: str = "", act: Act | None = None, lasting: bool = False
    ) -> None:
        """Forget what was, and do ``act`` at ``at``."""
        with self._lock:
            self.prefix, self.release, self.at, self.act = prefix, release, at, act
            self.lasting, self.fired, self.client = lasting, 0, 0
            self.client_known.clear()
            self.names, self.exchanges, self._seen = [], [], Counter()

    def disarm(self) -> None:
        with self._lock:
            self.act = None

    def serve(self, exchange: Exchange) -> None:
        with self._lock:
            name = self._name(exchange)
            self._seen[name] += 1
            exchange.name = f"{name} #{self._seen[name]}"
            self.names.append(exchange.name)
            self.exchanges.append(exchange)
            harmed = self.act is not None and (
                exchange.name == self.at or (self.lasting and self.fired > 0)
            )
            self.fired += harmed
            act = self.act
        if harmed and act is not None:
            act(exchange)
        else:
            exchange.relay(exchange.forward())

    def _name(self, exchange: Exchange) -> str:
        query = [f"{n}={v}" for n, v in exchange.query.items() if n in _QUERY and n != "uploadId"]
        query += ["upload"] * ("uploadId" in exchange.query)
        copied = " copy" if exchange.headers.get("x-amz-copy-source") else ""
        name = f"{exchange.method}{copied} {exchange.key} {'&'.join(sorted(query))}".rstrip()
        name = name.replace(self.prefix, "").replace(self.prefix.partition("/")[2], "")
        name = re.sub(r"\.probe-[0-9a-f]+", ".probe", name)
        return name.replace(self.release, "ID")


class _Handler(socketserver.StreamRequestHandler):
    """One connection of a client; it may carry many requests."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with suppress(Gone, ConnectionError, TimeoutError):
            while line := self.rfile.readline().decode("latin-1"):
                method, target, _ = line.split()
                headers = http.client.parse_headers(self.rfile)
                self.server.proxy.serve(Exchange(self.server.proxy, self, method, target, headers))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is what is tried here."""


@contextmanager
def running(endpoint: str) -> Iterator[Proxy]:
    """A proxy in front of ``endpoint``."""
    parts = urlsplit(endpoint)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        proxy = Proxy((parts.hostname or "", parts.port or 80))
        server.proxy = proxy
        proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
