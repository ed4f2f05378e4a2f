"""Who published this, and is it what they publish now? A release and its place against public keys.

Notices what The Update Framework (specification 1.0, section 1.5.2) calls arbitrary software, mix
and match, rollback, freeze and endless data attacks; for rollback somebody must remember a version,
or say how old a release may be.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from epc_release.errors import ReleaseError
from epc_release.manifests.canonical import to_utc
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, SIGNATURE
from epc_release.manifests.minisign import (
    SUFFIX,
    FormatError,
    PublicKey,
    Signature,
    WrongSignatureError,
)
from epc_release.manifests.reader import Reader
from epc_release.manifests.report import Finding
from epc_release.release.publish.pointers import CURRENT, LATEST, RELEASES, THERE, stamp
from epc_release.release.publish.seal import signature_path
from epc_release.release.signing import comment
from epc_release.release.values import release_id

_MOST_BYTES = 64 << 20
_ATTEMPTS, _PAUSE = 4, 0.5  # seconds: a publisher may be between two pointers
_PASSING = {"E721", "E723", "E727"}

Above = Callable[[], Reader]  # a fresh reader of the place, for each time it is looked at


@dataclass(frozen=True)
class Expected:
    """What a reader knows: the public keys (any of them may have signed), the oldest cut-off that
    is accepted, the newest version of the place that was seen, and the time."""

    keys: tuple[PublicKey, ...]
    now: datetime
    not_older_than: datetime | None = None
    seen: int | None = None


@dataclass(frozen=True)
class Origin:
    """Findings; ``told`` for a person; ``version`` of the place, None where it was not told."""

    findings: tuple[Finding, ...]
    told: str
    version: int | None = None


def verify_origin(release: Reader, above: Above, expected: Expected, *, remote: bool) -> Origin:
    """Check a release's signature, age and place; its files are ``verify``'s to check.

    ``above`` is the place that the release stands in; a remote one must have pointers. Without keys
    only the age is looked at. Errors of the readers (network, credentials) are raised.
    """
    sums, described = get(release, CHECKSUMS), _described(release)
    if sums is None or described is None:
        return Origin((), "Nothing could be said of its origin.")
    findings = list(_age(described, expected))
    if not expected.keys:
        return Origin(
            tuple(findings), "This proves integrity, not origin: no public key was given."
        )
    name = str(described["version"])
    signed_by = _signature(get(release, SIGNATURE), SIGNATURE, sums, expected, findings)
    if signed_by is not None and signed_by.comment != comment(name):
        told = {"found": repr(signed_by.comment)[:120], "expected": comment(name)}
        findings.append(Finding("E722", SIGNATURE, told))
    found, version = _place(above, described, sums, expected, remote=remote)
    findings += found
    origin = f"Signed with key {signed_by.key_id}." if signed_by else "Its origin is not proven."
    if version is None:
        origin += " Whether it is still to be used is not known: its place was not looked at."
    return Origin(tuple(findings), origin, version)


def latest_of(reader: Reader) -> str | None:
    """The id that ``latest.json`` names, where the reader is at a place and not at a release."""
    data = None if get(reader, CHECKSUMS) is not None else get(reader, LATEST)
    try:
        return None if data is None else release_id(json.loads(data)["id"])
    except (ValueError, KeyError, TypeError) as why:
        raise ReleaseError("E619", uri="the place", path=LATEST, why=type(why).__name__) from why


def get(reader: Reader, path: str) -> bytes | None:
    """An object's bytes, None where there is none or it is not shown to us.

    One that is replaced while it is read is read again.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _read(reader, path)
        except ReleaseError as error:
            hidden = error.problem.code == "E500" and error.details["answer"] == "HTTP 403"
            if error.problem.code in ("E503", "E507") or hidden:
                return None
            if error.problem.code != "E508" or attempt + 1 == _ATTEMPTS:
                raise
    return None


def _read(reader: Reader, path: str) -> bytes | None:
    try:
        if reader.size(path) > _MOST_BYTES:
            return None
        with reader.open(path) as file:
            return file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None


def _described(release: Reader) -> Mapping[str, Any] | None:
    """The descriptor, where it says what is needed here; ``verify`` says what is wrong with it."""
    try:
        found = json.loads(get(release, DESCRIPTOR) or b"")
        zone = datetime.fromisoformat(found["created"]).tzinfo
        if zone and isinstance(found["epcRelease"]["policy"]["name"] + found["version"], str):
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _age(described: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    oldest = expected.not_older_than
    if oldest is not None and datetime.fromisoformat(described["created"]) < oldest:
        told = {"found": described["created"], "wanted": to_utc(oldest)}
        yield Finding("E726", str(described["version"]), told)


def _signature(
    data: bytes | None, path: str, content: bytes, expected: Expected, findings: list[Finding]
) -> Signature | None:
    """The signature, if one of the keys made it; else a finding."""
    if data is None:
        findings.append(Finding("E720", path))
        return None
    problem: object = ""
    try:
        signature = Signature.parse(data)
    except FormatError as why:
        findings.append(Finding("E721", path, {"why": why}))
        return None
    for key in expected.keys:
        try:
            key.verify(content, signature)
        except WrongSignatureError as why:
            problem = why
        else:
            return signature
    findings.append(Finding("E721", path, {"why": problem}))
    return None


def _place(
    above: Above,
    described: Mapping[str, Any],
    sums: bytes,
    expected: Expected,
    *,
    remote: bool,
) -> tuple[list[Finding], int | None]:
    """What the pointers say; read again where they may just be changing."""
    for attempt in range(_ATTEMPTS):
        reader, findings = above(), list[Finding]()
        raw = {path: get(reader, path) for path in (LATEST, RELEASES)}
        if not remote and not any(raw.values()):
            return [], None
        told = {
            path: _pointer(reader, path, data, expected, findings) for path, data in raw.items()
        }
        latest, releases = told[LATEST], told[RELEASES]
        if latest is not None and releases is not None:
            findings += _together(latest, releases)
            findings += _listed(releases, described, sums)
        if {finding.code for finding in findings} - _PASSING or not findings:
            break
        if attempt + 1 < _ATTEMPTS:
            time.sleep(_PAUSE)
    return findings, None if releases is None else stamp(releases)[0]


def _pointer(
    above: Reader,
    path: str,
    data: bytes | None,
    expected: Expected,
    findings: list[Finding],
) -> Mapping[str, Any] | None:
    """A pointer that is signed, understood and in time; None where it is not to be looked at."""
    if data is None:
        findings.append(Finding("E723", path, {"why": "it is missing"}))
        return None
    places = [signature_path(data, key) for key in expected.keys]
    signature = next((s for each in (*places, f"{path}{SUFFIX}") if (s := get(above, each))), None)
    if _signature(signature, f"{path}{SUFFIX}", data, expected, findings) is None:
        return None
    try:
        told = json.loads(data)
        number, expires = stamp(told)
        if expires is None:
            raise ValueError("it has no expiry")
        _shape(path, told)
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        findings.append(Finding("E723", path, {"why": f"it is not understood ({why})"}))
        return None
    if datetime.fromisoformat(expires) < expected.now:
        findings.append(Finding("E724", path, {"expires": expires}))
    if expected.seen is not None and number < expected.seen:
        findings.append(Finding("E725", path, {"found": number, "seen": expected.seen}))
    return dict(told)


def _shape(path: str, told: Mapping[str, Any]) -> None:
    """Raises KeyError or TypeError where members are missing that are compared later."""
    entries: Sequence[Mapping[str, Any]] = [told] if path == LATEST else told["releases"]
    for entry in (told, *entries):
        text = told["register"] + told["policy"]
        if entry is not told or path == LATEST:
            text += entry["id"] + entry["status"] + entry["sha256"]
        if not isinstance(text, str):
            raise TypeError("text is needed")


def _together(latest: Mapping[str, Any], releases: Mapping[str, Any]) -> Iterator[Finding]:
    """``latest.json`` is of the same state as ``releases.json``, or of the one before."""
    behind = stamp(releases)[0] - stamp(latest)[0]
    current = next((e for e in releases["releases"] if e["status"] == CURRENT), None)
    of_both = [(p["register"], p["policy"]) for p in (latest, releases)]
    hashes = {entry["id"]: entry["sha256"] for entry in releases["releases"]}
    if of_both[0] != of_both[1] or hashes.get(latest["id"]) != latest["sha256"]:
        yield Finding("E727", LATEST, {"why": f"it is of no release that {RELEASES} names"})
    elif behind not in (0, 1):
        why = f"its version is {stamp(latest)[0]}, that of {RELEASES} is {stamp(releases)[0]}"
        yield Finding("E727", LATEST, {"why": why})
    elif behind == 0 and (current is None or {**latest, **current} != dict(latest)):
        yield Finding("E727", LATEST, {"why": f"it is not what {RELEASES} says of the current one"})


def _listed(
    releases: Mapping[str, Any], described: Mapping[str, Any], sums: bytes
) -> Iterator[Finding]:
    """The release is one of the place's line, is still to be used, and has the hash that it had."""
    name, facts = described["version"], described["epcRelease"]
    line = facts["register"], facts["policy"]["name"]
    if (releases["register"], releases["policy"]) != line:
        why = "it is of another register or policy than the release"
        yield Finding("E727", RELEASES, {"why": why})
        return
    entry = next((e for e in releases["releases"] if e["id"] == name), None)
    if entry is None:
        yield Finding("E727", RELEASES, {"why": f"it does not name release {name}"})
    elif entry["status"] not in THERE:
        why = entry.get("gone", {}).get("why") or "no reason is given"
        told = {"release": name, "status": entry["status"], "why": why}
        yield Finding("E728", RELEASES, told)
    elif entry["sha256"] != hashlib.sha256(sums).hexdigest():
        yield Finding("E727", RELEASES, {"why": f"it names another {CHECKSUMS} for {name}"})


def parent(release: str) -> str:
    """The place that a release stands in, as a folder or URI."""
    if "://" in release:
        return release.rstrip("/").rpartition("/")[0]
    return str(Path(release).resolve().parent)
