"""Write what describes a release, from its frozen facts alone."""

from __future__ import annotations

from pathlib import Path

from epc_release.manifests.canonical import to_json, write_text
from epc_release.manifests.checksums import checksums
from epc_release.manifests.datapackage import descriptor
from epc_release.manifests.facts import ReleaseFacts
from epc_release.manifests.layout import CHECKSUMS, DESCRIPTOR, DISCLOSURE, LEDGER, QUALITY
from epc_release.manifests.ledger import public_ledger
from epc_release.manifests.quality import disclosure, quality


def describe(facts: ReleaseFacts, folder: Path) -> None:
    """Write ledger, quality, disclosure, descriptor and, last, the checksums of everything.

    The data files that ``facts`` names stand in ``folder`` already; their hashes were taken while
    they were written, and they are not read again. The same facts give the same bytes.
    """
    written = [
        write_text(folder, path, to_json(value))
        for path, value in (
            (LEDGER, public_ledger(facts)),
            (QUALITY, quality(facts)),
            (DISCLOSURE, disclosure(facts)),
            (DESCRIPTOR, descriptor(facts)),
        )
    ]
    parts = [part for table in facts.tables for part in table.parts]
    write_text(folder, CHECKSUMS, checksums([*parts, *facts.archives, *facts.others, *written]))
