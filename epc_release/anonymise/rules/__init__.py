"""Field rules: what of a column may be told. One frozen dataclass each, by its name in a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from epc_release.anonymise.rules.base import Reading, Rule
from epc_release.anonymise.rules.generalise import Generalise
from epc_release.anonymise.rules.masktext import MaskText
from epc_release.anonymise.rules.numbers import Bin, BottomCode, Round, TopCode
from epc_release.anonymise.rules.plain import Drop, Keep, KeepKnown, KeepMatching, Redact
from epc_release.anonymise.rules.pseudonym import Pseudonymise

RULES: Mapping[str, Callable[[Reading], Rule]] = {
    Keep.name: Keep.read,
    KeepKnown.name: KeepKnown.read,
    KeepMatching.name: KeepMatching.read,
    Drop.name: lambda _: Drop(),
    Pseudonymise.name: Pseudonymise.read,
    Redact.name: Redact.read,
    MaskText.name: MaskText.read,
    Generalise.name: Generalise.read,
    Bin.name: Bin.read,
    Round.name: Round.read,
    TopCode.name: TopCode.read,
    BottomCode.name: BottomCode.read,
}

__all__ = ["RULES", "Reading", "Rule"]
