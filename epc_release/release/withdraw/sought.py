"""What is looked for when records are withdrawn: keys, as they are and as pseudonyms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import polars as pl

from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import Policy, load_policy
from epc_release.anonymise.rules.pseudonym import PATTERN, Pseudonymise
from epc_release.anonymise.suppressions import OPT_OUT, event_digests, opted_out, read_events
from epc_release.errors import ReleaseError
from epc_release.release.config import Settings
from epc_release.release.optouts import EVENTS
from epc_release.release.standing import withdrawn
from epc_release.schemas.checks.keys import H1, H2
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register
from epc_release.schemas.table import Field

_GROUPED = 20  # digits of a number that is also written in groups of four


@dataclass(frozen=True)
class Sought:
    """Opt-outs by canonical key, and the policy under which the records were published.

    ``state`` remembers of each release which key made its pseudonyms and which opt-outs it knew.
    """

    register: Register
    policy: Policy
    state: Path
    keys: Mapping[str, datetime]

    def __repr__(self) -> str:
        return f"<Sought: {len(self.keys)} records>"

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """By table the columns that may name a record: the key by which the policy's suppression
        list leaves records out, and all of its kind, in these tables and their children."""
        found: dict[str, tuple[str, ...]] = {}
        for rule in self.policy.records:
            if rule.kind == "suppression_list":
                for table in self.register.tables:
                    if {table.name, table.parent} & set(rule.tables):
                        named = {rule.roles["key"], *found.get(table.name, ())}
                        kinds = {_kind(f) for f in table.schema.fields if f.name in named} - {None}
                        same = (f.name for f in table.schema.fields if _kind(f) in kinds)
                        found[table.name] = tuple(sorted({*named, *same}))
        return found

    def values(self, table: str, field: Field, release: str) -> pl.Series | None:
        """What a published column holds of the records, canonical.

        None where that cannot be told: pseudonyms were made with a key that is not at hand.
        """
        if field.constraints.get("pattern") != PATTERN:
            return self._plain
        if self._key_id is None or self._made_with(release) != self._key_id:
            return None
        return self._pseudonyms(_kind(self.register.table(table).schema.by_name[field.name]) or "")

    def knew(self, release: str) -> bool:
        """Whether the list with which a release was built had all of these opt-outs."""
        file = self.state / release / EVENTS
        if not file.is_file():
            return False
        events = [(key, OPT_OUT, time) for key, time in self.keys.items()]
        there = pl.read_parquet(file)
        return event_digests(events).join(there, on=[H1, H2], how="anti").is_empty()

    @cached_property
    def _plain(self) -> pl.Series:
        return pl.Series(sorted(self.keys), dtype=pl.String)

    @cached_property
    def _keyring(self) -> Keyring | None:
        return Keyring.from_environment() if self.policy.needs_key else None

    @property
    def _key_id(self) -> str | None:
        return self._keyring.key_id if self._keyring else None

    def _made_with(self, release: str) -> str | None:
        file = self.state / release / "audit.json"
        if not file.is_file():
            return None
        found: str | None = json.loads(file.read_text(encoding="utf-8")).get("key_id")
        return found

    def _pseudonyms(self, kind: str) -> pl.Series:
        """Of every way in which a key may be written in a register."""
        if self._keyring is None:
            raise ValueError("no key")
        written = pl.Series([text for key in self.keys for text in spellings(key)], dtype=pl.String)
        return Pseudonymise(kind).apply(written, self._keyring).unique().sort()


def read_sought(
    settings: Settings, now: datetime, published: str | None, *, listed: bool = True
) -> Sought:
    """Who is out now by the suppression list (where it is asked for) and by the standing list.

    ``published`` is the policy of what is public, where the settings name none.

    Raises E150, E460 where no list is given, and what reading a policy raises.
    """
    register = load_register(settings.register)
    policy = load_policy(settings.policy or published or register.default_policy, register)
    events = withdrawn(settings.state, register.name)
    if listed:
        if settings.suppressions is None:
            raise ReleaseError("E460")
        events += read_events(settings.suppressions)
    return Sought(register, policy, settings.state, opted_out(events, now))


def spellings(key: str) -> list[str]:
    """How a canonical key may have been written: pseudonyms are made of the written form."""
    found = [key, key.upper()]
    if len(key) == _GROUPED and key.isdecimal():
        found.append("-".join(key[at : at + 4] for at in range(0, _GROUPED, 4)))
    return list(dict.fromkeys(found))


def _kind(field: Field) -> str | None:
    found = field.descriptor.get("kind")
    return found if isinstance(found, str) else None
