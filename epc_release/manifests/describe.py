"""Write what describes a release, from its frozen facts alone."""

from __future__ import annotations

from pathlib import Path

from epc_release.costs import spent
from epc_release.manifests.canonical import to_json, write_text
from epc_release.manifests.checksums import checksums
from epc_release.manifests.datapackage import descriptor
from epc_release.manifests.dictionary import dictionary
from epc_release.manifests.facts import ReleaseFacts
from epc_release.manifests.issues import write_issues
from epc_release.manifests.layout import (
    CHECKSUMS,
    DESCRIPTOR,
    DICTIONARY,
    DISCLOSURE,
    LEDGER,
    QUALITY,
)
from epc_release.manifests.ledger import public_ledger
from epc_release.manifests.pages.write import write_pages
from epc_release.manifests.quality import disclosure, quality


def describe(facts: ReleaseFacts, folder: Path) -> None:
    """Write issues, dictionary, pages, accounts, descriptor and, last, the checksums.

    The data files that ``facts`` names stand in ``folder`` already; their hashes were taken while
    they were written, and they are not read again. The same facts give the same bytes.
    """
    documents = [
        write_issues(facts, folder),
        write_text(folder, DICTIONARY, dictionary(facts)),
    ]
    with spent("pages"):
        documents += write_pages(facts, folder)
    written = [
        write_text(folder, path, to_json(value))
        for path, value in (
            (LEDGER, public_ledger(facts)),
            (QUALITY, quality(facts)),
            (DISCLOSURE, disclosure(facts)),
            (DESCRIPTOR, descriptor(facts, documents)),
        )
    ]
    parts = [part for table in facts.tables for part in table.parts]
    parts += [file for aggregate in facts.aggregates for file in aggregate.files]
    parts += [change.file for change in facts.changes]
    listed = [*parts, *facts.archives, *facts.others, *documents, *written]
    write_text(folder, CHECKSUMS, checksums(listed))
