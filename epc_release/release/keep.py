"""State: what is remembered of a release in private, and the log of what was done.

``<state>/<release>/ledger.json`` and ``audit.json`` (exact), ``report.json``,
``quarantine/<table>.parquet``, ``suppressed/<table>.parquet`` (:mod:`sticky`), ``events.parquet``
(:mod:`optouts`), ``prints/<table>/<bucket>.parquet`` (:mod:`differ`), ``private/`` (:mod:`leaks`);
of a build that a gate stopped, ``stopped/quarantine/<table>.parquet`` alone;
``<state>/operations.jsonl`` gets one line per build; ``cell-keys.json`` has the id of each release
line's key for protected tables. Files are 0600, folders 0700.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from epc_release.anonymise.cellkeys import cell_keyring
from epc_release.errors import ReleaseError
from epc_release.manifests.facts import ReleaseFacts
from epc_release.manifests.ledger import exact_ledger
from epc_release.manifests.protected import audit
from epc_release.release.disk import private
from epc_release.release.gates.evaluate import Judged
from epc_release.release.gates.history import REPORT, remembered
from epc_release.release.prepare import Prepared

CELL_KEYS = "cell-keys.json"


def check_line(prepared: Prepared) -> None:
    """A release id belongs to one register and policy. Raises E402."""
    path = prepared.settings.state / prepared.release / REPORT
    if path.is_file():
        report = json.loads(path.read_text(encoding="utf-8"))
        line = (report["register"], report["policy"])
        if line != (prepared.register.name, prepared.policy.name):
            raise ReleaseError("E402", release=prepared.release, register=line[0], policy=line[1])


def check_cell_key(prepared: Prepared) -> None:
    """Tables are protected with one key for life. Raises E191."""
    if not prepared.policy.needs_cell_key:
        return
    known = _cell_keys(prepared).get(_line(prepared))
    key_id = cell_keyring().key_id
    if known is not None and known != key_id:
        raise ReleaseError("E191", line=_line(prepared), known=known, given=key_id)


def _remember_cell_key(prepared: Prepared) -> None:
    """Write down the id of the key with the first release that needs one."""
    if prepared.policy.needs_cell_key:
        known = {**_cell_keys(prepared), _line(prepared): cell_keyring().key_id}
        write_private(prepared.settings.state / CELL_KEYS, known)


def _cell_keys(prepared: Prepared) -> dict[str, str]:
    """The key ids of the release lines of this state."""
    path = prepared.settings.state / CELL_KEYS
    found: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _line(prepared: Prepared) -> str:
    return f"{prepared.register.name}/{prepared.policy.name}"


def stopped(prepared: Prepared) -> Path:
    """Where the quarantine of a build that a gate stopped is kept, until one is finished."""
    return prepared.settings.state / prepared.release / "stopped" / "quarantine"


def stage(
    prepared: Prepared,
    facts: ReleaseFacts,
    judged: Judged,
    notes: Mapping[str, Any],
    staged: Path,
) -> None:
    """Write ledger, audit and report beside the quarantine in ``staged``, before anything is
    installed. ``notes`` are what only the report tells."""
    staged.mkdir(mode=0o700, exist_ok=True)
    write_private(staged / "ledger.json", exact_ledger(facts))
    exact = {name: notes[name] for name in ("key_id", "differences")}
    write_private(staged / "audit.json", {**audit(facts), **exact})
    told = {**report(prepared, facts), **_gates(prepared, judged), **notes}
    write_private(staged / REPORT, {**told, "codes": remembered(facts.tables)})


def remember(
    prepared: Prepared,
    facts: ReleaseFacts,
    judged: Judged,
    notes: Mapping[str, Any],
    staged: Path,
) -> None:
    """Put what was staged in its place in the state folder; log the build and what it passed."""
    folder = prepared.settings.state / prepared.release
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    prepared.settings.state.chmod(0o700)
    _arrive(staged, folder)
    _remember_cell_key(prepared)
    if judged.accepted:
        gates = _gates(prepared, judged)
        log(prepared.settings.state, "accept", {"release": facts.release, **gates})
    if notes["interval_overridden"]:
        overridden = {"release": facts.release, **notes["interval_overridden"]}
        log(prepared.settings.state, "override-interval", overridden)
    log(prepared.settings.state, "build", report(prepared, facts))


def _arrive(staged: Path, folder: Path) -> None:
    """Put ``staged`` in the place of ``folder``; may be cut off anywhere and begun again."""
    arriving = folder.with_name(f".{folder.name}.arriving")
    if staged.exists():
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.copytree(staged, arriving, copy_function=_linked)
        arriving.chmod(0o700)
    if arriving.exists():
        shutil.rmtree(folder, ignore_errors=True)
        arriving.rename(folder)
    if staged.exists():
        left = staged.rename(staged.with_name("kept-before"))
        shutil.rmtree(left)


def _linked(source: str, target: str) -> None:
    """The same file under another name, or where that cannot be a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _gates(prepared: Prepared, judged: Judged) -> dict[str, Any]:
    """What the build was compared with, and the gates that were accepted, with the reason."""
    return {
        "previous": judged.previous,
        "accepted": [breach.as_dict() for breach in judged.accepted],
        "reason": prepared.settings.reason if judged.accepted else None,
    }


def report(prepared: Prepared, facts: ReleaseFacts) -> dict[str, Any]:
    """What a release manager asks about a build: of what, under what, with what result."""
    suppressions = prepared.suppressions
    return {
        "release": facts.release,
        "register": facts.register.name,
        "policy": facts.policy.name,
        "policy_sha256": facts.policy.sha256,
        "cutoff": facts.cutoff.isoformat(),
        "version": facts.version,
        "partial": facts.partial,
        "synthetic": facts.synthetic,
        "sources": [part.name for part in prepared.inventory.parts],
        "dialects": {each.dialect: each.given for each in prepared.dialects if each.given},
        "encodings": {
            part.name: part.csv.encoding
            for part in prepared.inventory.parts
            if part.csv is not None and part.csv.encoding is not None
        },
        "refused": [asdict(file) for file in prepared.inventory.refused],
        "ignored": [list(pair) for pair in prepared.inventory.ignored],
        "suppressions": None
        if suppressions is None
        else {
            "as_of": None if suppressions.as_of is None else suppressions.as_of.isoformat(),
            "sha256": suppressions.sha256,
            "events": suppressions.events,
            "repeated": suppressions.repeated,
            "opted_out": len(suppressions.opted_out),
        },
    }


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """A JSON file of mode 0600, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    with open(temporary, "w", encoding="utf-8", newline="\n", opener=private) as sink:
        json.dump(content, sink, ensure_ascii=False, indent=2)
        sink.write("\n")
    temporary.replace(path)


def log(state: Path, action: str, details: Mapping[str, Any]) -> None:
    """Append one line to the operations log."""
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "action": action, **details}
    file = state / "operations.jsonl"
    with open(file, "a", encoding="utf-8", newline="\n", opener=private) as sink:
        sink.write(json.dumps(line, ensure_ascii=False) + "\n")
        sink.flush()
        os.fsync(sink.fileno())
