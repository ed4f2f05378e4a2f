"""What was measured on the finished files, against what the policy asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from epc_release.anonymise.keysets import KeySet
from epc_release.anonymise.risk import Summary
from epc_release.errors import ReleaseError
from epc_release.manifests.facts import KeySetFacts
from epc_release.release.context import TablePlan
from epc_release.release.finish import Finished
from epc_release.release.measured import Measured, together
from epc_release.release.protection import Taken

LIMITS = ("l", "entropy_l", "alpha", "t")
_ROUNDING = 1e-9


def protected_facts(
    plan: TablePlan, finished: Sequence[Finished], taken: Taken | None
) -> dict[str, Any]:
    """``key_sets``, ``starred`` and ``alone`` of a table's facts. Raises E412."""
    measured = [done.measured for done in finished if done.measured is not None]
    if not measured or taken is None:
        return {}
    whole = reduce(together, measured)
    for name, expected in taken.marginals.items():
        found = whole.marginals[name]
        if found.values.to_list() != expected.values.to_list() or (found.n != expected.n).any():
            _wrong(plan, plan.risk[0], f"the values of {name} are not those that were counted")
    for key_set in plan.risk:
        for problem in _broken(key_set, whole.summaries[key_set.id]):
            _wrong(plan, key_set, problem)
    return {
        "key_sets": tuple(_facts(each, whole, taken) for each in plan.risk),
        "starred": dict(sorted(taken.cells.items())),
        "alone": whole.alone,
    }


def asked(key_set: KeySet) -> dict[str, Any]:
    """The limits of a key set as data."""
    limits = {
        each.column: {
            name: getattr(each, name) for name in LIMITS if getattr(each, name) is not None
        }
        | ({"ordered": True} if each.ordered else {})
        for each in key_set.sensitive
    }
    return {"k": key_set.k, **({"sensitive": limits} if limits else {})}


def _facts(key_set: KeySet, whole: Measured, taken: Taken) -> KeySetFacts:
    return KeySetFacts(
        id=key_set.id,
        why=key_set.why,
        keys=key_set.keys,
        unit=key_set.unit is not None,
        asked=asked(key_set),
        measures=whole.summaries[key_set.id].measures(),
        worst=whole.worst[key_set.id],
        before=taken.found[key_set.id].measures(),
    )


def _broken(key_set: KeySet, summary: Summary) -> Iterator[str]:
    if summary.least is not None and summary.least < key_set.k:
        yield f"k is {summary.least}, and {key_set.k} is asked for"
    for limits in key_set.sensitive:
        worst = summary.sensitive[limits.column].measures()
        for name in LIMITS:
            limit, found = getattr(limits, name), worst[name]
            if limit is None or found is None:
                continue
            below = name in ("l", "entropy_l")
            if found < limit * (1 - _ROUNDING) if below else found > limit * (1 + _ROUNDING):
                yield f"{name} of {limits.column} is {found:.6g}, and {limit:.6g} is asked for"


def _wrong(plan: TablePlan, key_set: KeySet, problem: str) -> None:
    policy = plan.job.policy.name
    raise ReleaseError("E412", policy=policy, table=plan.table.name, id=key_set.id, problem=problem)
