"""Approvals of policies: who approved which hash, kept in the state folder.

``<state>/approvals.jsonl`` (0600) gets one line for each; none is ever taken away. An approval is
of the policy's bytes and of every file that its rules follow, so that any change asks for another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from epc_release import __version__
from epc_release.anonymise.policy import Policy
from epc_release.errors import ReleaseError
from epc_release.release import keep
from epc_release.release.disk import private, private_folder

FILE = "approvals.jsonl"


@dataclass(frozen=True)
class Approval:
    """One line of the file; ``used`` are (kind, name, sha256) of the files that were approved."""

    time: str
    by: str
    reason: str
    register: str
    policy: str
    sha256: str
    used: tuple[tuple[str, str, str], ...]
    version: str

    @classmethod
    def of(cls, line: dict[str, Any]) -> Approval:
        return cls(**{**line, "used": tuple(tuple(each) for each in line["used"])})


def approve(policy: Policy, state: Path, by: str, reason: str) -> Approval:
    """Add an approval, and a line in the operations log."""
    made = Approval(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        by=by,
        reason=reason,
        register=policy.register,
        policy=policy.name,
        sha256=policy.sha256,
        used=tuple((each.kind, each.name, each.sha256) for each in policy.used),
        version=__version__,
    )
    private_folder(state)
    state.chmod(0o700)
    with open(state / FILE, "a", encoding="utf-8", newline="\n", opener=private) as sink:
        sink.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")
        sink.flush()
        os.fsync(sink.fileno())
    keep.log(state, "approve-policy", asdict(made))
    return made


def approvals(policy: Policy, state: Path) -> tuple[Approval, ...]:
    """Those of policies of this name and register, the newest last. Raises E158."""
    found = _read(state / FILE)
    return tuple(a for a in found if (a.register, a.policy) == (policy.register, policy.name))


def approval(policy: Policy, state: Path) -> Approval | None:
    """The newest one of exactly this policy."""
    fitting = [each for each in approvals(policy, state) if each.sha256 == policy.sha256]
    return fitting[-1] if fitting else None


def approved(state: Path, register: str, policy: str, sha256: str) -> bool:
    """Whether somebody approved exactly the policy that a release names. Raises E158."""
    wanted = (register, policy, sha256)
    return any((a.register, a.policy, a.sha256) == wanted for a in _read(state / FILE))


def check_approval(policy: Policy, state: Path, required: bool) -> None:
    """Raises E155 where an approval is needed and nobody gave it to exactly this policy."""
    if not (required or policy.release.approval == "required") or approval(policy, state):
        return
    earlier = approvals(policy, state)
    problem = "nobody has approved it"
    if earlier:
        before, changed = earlier[-1], _changed(policy, earlier[-1])
        problem = f"it changed since {before.by} approved it at {before.time} ({changed})"
    raise ReleaseError("E155", policy=policy.name, problem=problem, state=state)


def _changed(policy: Policy, before: Approval) -> str:
    """What is no longer as it was approved."""
    now = {(each.kind, each.name): each.sha256 for each in policy.used}
    then = {(kind, name): sha for kind, name, sha in before.used}
    changed = sorted(at for at in {*now, *then} if now.get(at) != then.get(at))
    return ", ".join(f"{kind} {name}" for kind, name in changed) or "the policy itself"


def _read(path: Path) -> Iterator[Approval]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield Approval.of(json.loads(line))
        except (ValueError, KeyError, TypeError):
            raise ReleaseError("E158", file=path, line=number) from None
