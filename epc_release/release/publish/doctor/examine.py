"""``doctor --to``: is the place there, may we write, what does it hold? And ``--analyse``."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import partial

from epc_release.errors import ReleaseError
from epc_release.release.publish import pointers
from epc_release.release.publish.doctor import races
from epc_release.release.publish.doctor.bench import Bench, bench
from epc_release.release.publish.doctor.finding import Finding, Report
from epc_release.release.publish.doctor.trials import TRIALS
from epc_release.release.publish.folder import FolderStore
from epc_release.release.publish.gone import STAGING
from epc_release.release.publish.lease import LEASE
from epc_release.release.publish.resume import unfinished
from epc_release.release.publish.s3 import S3Store
from epc_release.release.publish.stores import Store

_SKEW = 300.0  # seconds: stores refuse requests from 15 minutes on
_GIB = 1 << 30
_FOLDER = "a lock on the folder, and a rename; what is stored is read back"


def examine(store: Store) -> Report:
    """Look at a place as publish would; a small object is written and removed.

    Raises E50x where it cannot be reached or written.
    """
    store.prepare()
    findings = [Finding("write", True, "allowed"), *_held(store)]
    if isinstance(store, S3Store):
        findings += [_clock(store), *_pending(store)]
    if isinstance(store, FolderStore):
        free = shutil.disk_usage(store.root).free / _GIB
        findings.append(Finding("free space", free > 1, f"{free:.1f} GiB"))
    return Report(store.uri, tuple(findings), protocol(store))


def analyse(store: Store) -> Report:
    """Try what the protocol relies on, at a private prefix that is removed again."""
    seen = examine(store)
    findings = list(seen.findings)
    with bench(store) as made:
        if isinstance(store, S3Store):
            with store.mapped():
                findings += races.raced_puts(made, store)
                findings += [_tried(partial(trial, store=store), made) for trial in races.TRIALS]
        findings += [_tried(trial, made) for trial in TRIALS]
    return Report(store.uri, tuple(findings), seen.protocol)


def _tried(trial: Callable[[Bench], Finding], made: Bench) -> Finding:
    """What a trial finds; one that fails is a finding too."""
    try:
        return trial(made)
    except ReleaseError as error:
        name = getattr(trial, "func", trial).__name__.replace("_", " ")
        return Finding(name, False, str(error))


def protocol(store: Store) -> str:
    """How publish excludes other publishers at a prepared place, and proves what is stored."""
    if not isinstance(store, S3Store):
        return _FOLDER
    if store.can.create and store.can.swap:
        lock = "conditional puts: objects are created once, lease and pointers are swapped"
    else:
        lock = "no conditional puts: the lease is written, waited for and read back"
    proof = "attested by its checksums" if store.can.checksums else "read back"
    return f"{lock}; what is stored is {proof}"


def _held(store: Store) -> list[Finding]:
    """What the place holds: releases, what is staged, and whether somebody publishes."""
    index = store.read(pointers.RELEASES)
    entries = pointers.parse(*index, store.uri).entries if index else ()
    staged = {info.path.split("/")[0] for info in store.list() if info.path.startswith(STAGING)}
    found = [Finding("releases", True, f"{len(entries)} listed, {len(staged)} staged")]
    if store.head(LEASE) is not None:
        says = f"held; if its publisher died: epc-release unlock --to {store.uri}"
        found.append(Finding("lease", True, says))
    return found


def _clock(store: S3Store) -> Finding:
    with store.mapped():
        answer = store.client.head_bucket(Bucket=store.bucket)
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not told:
        return Finding("clock", True, "the store does not tell the time")
    apart = abs(parsedate_to_datetime(told).timestamp() - time.time())
    return Finding("clock", apart < _SKEW, f"{apart:.0f} s apart from the store's")


def _pending(store: S3Store) -> list[Finding]:
    with store.mapped():
        left = unfinished(store.client, store.bucket, store.prefix)
    if not left:
        return []
    says = f"{len(left)} begun and not finished; publishing the same release goes on with them"
    return [Finding("unfinished uploads", True, says)]
