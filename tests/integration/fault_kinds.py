"""The faults that an uploader must survive, each as what the proxy does at a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.integration.fault_proxy import Act, Answer, Exchange

Applies = Callable[[Exchange], bool]


@dataclass(frozen=True)
class Fault:
    """``lasting``: from that request on, not only once. ``heals``: a publish must get over it."""

    name: str
    act: Act
    heals: bool
    lasting: bool = False
    applies: Applies = lambda exchange: True

    def __str__(self) -> str:
        return self.name


def _is_object_get(exchange: Exchange) -> bool:
    return exchange.method == "GET" and not exchange.query


def _commits(exchange: Exchange) -> bool:
    return exchange.method in ("PUT", "POST", "DELETE")


def _answers_late(exchange: Exchange) -> bool:
    """What may fail after 200 was sent: the end of an upload, and copies."""
    return (exchange.method == "POST" and "uploadId" in exchange.query) or (
        exchange.method == "PUT" and bool(exchange.headers.get("x-amz-copy-source"))
    )


def _refusal(status: int, code: str) -> Act:
    return lambda exchange: exchange.refuse(status, code)


def _lose(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reset()


def _lose_slowly(exchange: Exchange) -> None:
    exchange.forward()
    exchange.hang()


def _truncate(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.relay(answer, sent=len(answer.body) // 2)


def _garble(exchange: Exchange) -> None:
    answer = exchange.forward()
    middle = len(answer.body) // 2
    body = bytearray(answer.body)
    if body:
        body[middle] ^= 1
    exchange.relay(Answer(answer.status, answer.headers, bytes(body)))


def _kill_after(exchange: Exchange) -> None:
    exchange.forward()
    exchange.kill()


FAULTS = (
    Fault("slow-down", _refusal(503, "SlowDown"), heals=True),
    Fault("slow-down-for-good", _refusal(503, "SlowDown"), heals=False, lasting=True),
    Fault("reset", Exchange.reset, heals=True),
    Fault("network-gone", Exchange.reset, heals=False, lasting=True),
    Fault("time-out", Exchange.hang, heals=True),
    Fault("error-in-200", _refusal(200, "InternalError"), heals=True, applies=_answers_late),
    Fault("answer-lost", _lose, heals=True, applies=_commits),
    Fault("answer-too-late", _lose_slowly, heals=True, applies=_commits),
    Fault("token-expired", _refusal(400, "ExpiredToken"), heals=True),
    Fault("token-expired-for-good", _refusal(400, "ExpiredToken"), heals=False, lasting=True),
    Fault("bad-key", _refusal(403, "InvalidAccessKeyId"), heals=False, lasting=True),
    Fault("clock-skewed", _refusal(403, "RequestTimeTooSkewed"), heals=False, lasting=True),
    Fault("truncated", _truncate, heals=True, applies=lambda e: e.method == "GET"),
    Fault("garbled", _garble, heals=True, applies=_is_object_get),
    Fault("killed-before", Exchange.kill, heals=False),
    Fault("killed-after", _kill_after, heals=False, applies=_commits),
)
