"""What can be downloaded: of each table by partition, and what archives hold more than one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from epc_release.manifests.facts import ArchiveFacts, FileFacts, ReleaseFacts, TableFacts
from epc_release.manifests.layout import partition_value
from epc_release.manifests.pages.words import LANGUAGES
from epc_release.schemas.register import Register


@dataclass(frozen=True)
class Name:
    """What a code stands for: in the page's language, and in the other one where it differs."""

    text: str
    other: str | None = None


@dataclass(frozen=True)
class Download:
    """One partition of a table; ``code`` and ``name`` are None where the value is missing."""

    code: str | None
    name: Name | None
    parquet: FileFacts
    csv: ArchiveFacts | None


def name_of(register: Register, column: str, code: str, language: str) -> Name:
    """The name of a code of ``column``, from its code list; a code without one is its own name."""
    codes = register.codelists.get(column)
    if codes is None or code not in codes.names:
        return Name(code)
    english = codes.names[code]
    named = {"en": english, "cy": codes.attributes.get(code, {}).get("name_cy", english)}
    other = next(named[each] for each in LANGUAGES if each != language)
    return Name(named[language], None if other == named[language] else other)


def downloads(facts: ReleaseFacts, table: TableFacts, language: str) -> list[Download]:
    """Every partition of a table by name, the one of records without a value last."""
    zips = {
        archive.value: archive
        for archive in facts.archives
        if archive.kind == "partition" and table.name in {m.table for m in archive.members}
    }
    found = []
    for part in table.parts:
        code = partition_value(part.path)
        named = (
            None
            if code is None or table.partition is None
            else name_of(facts.register, table.partition, code, language)
        )
        found.append(Download(code, named, part, zips.get(code)))
    return sorted(found, key=_order)


def whole(facts: ReleaseFacts) -> list[ArchiveFacts]:
    """The archives of more than one partition: all of a family first, then its years."""
    wanted = [archive for archive in facts.archives if archive.kind != "partition"]
    return sorted(wanted, key=lambda a: (a.path.rpartition("-")[0], a.kind != "all", a.path))


def _order(found: Download) -> tuple[bool, str, str]:
    text = found.name.text if found.name else ""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return found.code is None, plain, found.code or ""
