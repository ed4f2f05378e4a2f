"""One parser a setting: raw value of a flag, a variable or a TOML key -> the setting's value.

A parser takes the raw value and the folder that relative paths are seen from. It raises ValueError
with the form that is needed, or CredentialsError where a URI holds some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from epc_release.release import values
from epc_release.release.retention import parse_retention

Parser = Callable[[object, Path], object]


class CredentialsError(ValueError):
    """A URI with a user name or password in it; it is never repeated in a message."""


def flag(name: str) -> str:
    """The command line's name of a setting, without dashes."""
    return {"sources": "source", "dialects": "dialect", "approvers": "approver"}.get(
        name, name
    ).replace("_", "-")


def _text(raw: object, _: Path) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("text is needed")
    return raw


def _path(raw: object, base: Path) -> Path:
    text = str(raw) if isinstance(raw, Path) else _text(raw, base)
    if values.is_uri(text):
        raise ValueError("a local folder or file is needed, not a URI")
    return base / text


def _place(raw: object, base: Path) -> str:
    """A path or URI."""
    text = _text(raw, base)
    if values.has_credentials(text):
        raise CredentialsError
    return values.beside(base, text)


def _sources(raw: object, base: Path) -> tuple[str, ...]:
    """Places, one a line in a variable; each may have ``TABLE=`` before it."""
    return tuple(_source(item, base) for item in _items(raw, "\n"))


def _source(item: object, base: Path) -> str:
    table, place = values.split_table(_text(item, base))
    found = _place(place, base)
    return f"{table}={found}" if table else found


def _paths(raw: object, base: Path) -> tuple[Path, ...]:
    """Files, one a line in a variable."""
    return tuple(_path(item, base) for item in _items(raw, "\n"))


def _policy(raw: object, base: Path) -> str:
    """A name, or a file where it ends in ``.toml``."""
    text = _text(raw, base)
    return str(base / text) if text.endswith(".toml") else text


def _flag(raw: object, _: Path) -> bool:
    found = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if str(raw).lower() not in found:
        raise ValueError(f"{raw!r} is neither true nor false")
    return found[str(raw).lower()]


def _count(low: int, high: int | None = None) -> Parser:
    span = f"{low} to {high}" if high is not None else f"at least {low}"

    def parse(raw: object, _: Path) -> int:
        text = str(raw)
        if not text.isdecimal() or int(text) < low or (high is not None and int(text) > high):
            raise ValueError(f"{raw!r} is not a whole number, {span}")
        return int(text)

    return parse


def _one_of(*known: str) -> Parser:
    def parse(raw: object, _: Path) -> str:
        if raw not in known:
            raise ValueError(f"{raw!r} is none of {', '.join(known)}")
        return str(raw)

    return parse


def _archives(raw: object, base: Path) -> tuple[str, ...]:
    """Any of partition, year, all; or none."""
    known = _one_of("partition", "year", "all")
    items = [] if raw == "none" else _items(raw, ",")
    return tuple(dict.fromkeys(str(known(item, base)) for item in items))


def _accept(raw: object, base: Path) -> tuple[str, ...]:
    """Codes of data quality gates, each once; a disclosure gate is none of them."""
    from epc_release.release.gates.evaluate import CODES_OF_GATES

    known = _one_of(*CODES_OF_GATES)
    return tuple(dict.fromkeys(str(known(item, base)) for item in _items(raw, ",")))


def _previous(raw: object, base: Path) -> str:
    """``latest``, ``none``, or a release's place."""
    return str(raw) if raw in ("latest", "none") else _place(raw, base)


def _approvers(raw: object, base: Path) -> tuple[str, ...]:
    """Public keys: lines of base64, or ``.pub`` files, one a line in a variable."""
    texts = (_text(item, base) for item in _items(raw, "\n"))
    return tuple(str(base / text) if text.endswith(".pub") else text for text in texts)


def _items(raw: object, separator: str) -> list[object]:
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(separator) if item.strip()]
    if isinstance(raw, list | tuple):
        return list(raw)
    raise ValueError("a list is needed")


PARSERS: Mapping[str, Parser] = {
    "register": _text,
    "sources": _sources,
    "dialects": _paths,
    "policy": _policy,
    "approval": _one_of("required", "none"),
    "suppressions": _path,
    "suppressions_as_of": lambda raw, _: values.moment(raw),
    "sites": _path,
    "out": _path,
    "state": _path,
    "work": _path,
    "release": lambda raw, _: values.release_id(raw),
    "cutoff": lambda raw, _: values.moment(raw),
    "previous": _previous,
    "changes": _count(0, 100),
    "accept": _accept,
    "override_interval": _flag,
    "reason": _text,
    "encoding": _text,
    "jobs": _count(1, 1024),
    "memory": lambda raw, _: values.size(raw),
    "limit": _count(1),
    "executor": _one_of("serial", "local"),
    "to": _place,
    "promotion": _one_of("automatic", "approved"),
    "approvers": _approvers,
    "not_before": lambda raw, _: values.moment(raw),
    "expiry": _count(1, 3660),
    "keep": _count(1),
    "retention": lambda raw, _: parse_retention(raw),
    "allow_empty": _flag,
    "allow_partial": _flag,
    "allow_synthetic": _flag,
    "profile": _flag,
    "resume": _flag,
    "archives": _archives,
    "compression_level": _count(1, 9),
    "log_format": _one_of("text", "json"),
}
