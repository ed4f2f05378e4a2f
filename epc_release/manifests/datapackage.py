"""The descriptor of a release: a Data Package (v2), from which everything in it can be found.

Traps (frictionless 5.21, observed). Of a list of Parquet paths it reads the first alone: a correct
``bytes`` or ``rows`` of the resource is called wrong, so they stand in our own ``files`` and
``epcRelease``; and a child's foreign key is looked up in the first part of its parent, so a family
of tables lists the same partition first. A missing number or time in a Parquet file arrives as
``nan`` or ``NaT``, so these are declared as missing values of such columns. A plain file whose
format it takes for a table's is checked as one, so the issue log's is ``binary``,
and so are the pages'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from epc_release.manifests.canonical import to_utc
from epc_release.manifests.columns import schema_id
from epc_release.manifests.facts import (
    AggregateFacts,
    ArchiveFacts,
    ChangeFacts,
    FileFacts,
    ReleaseFacts,
    TableFacts,
)
from epc_release.manifests.layout import (
    DICTIONARY,
    ISSUES,
    PAGES,
    partition_order,
    partition_value,
)
from epc_release.manifests.licence import licences
from epc_release.schemas.register import Register
from epc_release.schemas.table import TableSchema

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
TABLE_SCHEMA = "https://datapackage.org/profiles/2.0/tableschema.json"
PARQUET = "application/vnd.apache.parquet"

_AS_READ_BY_PANDAS = {
    "integer": "nan",
    "year": "nan",
    "number": "nan",
    "boolean": "nan",
    "datetime": "NaT",
}

_DOCUMENTS = {
    ISSUES: (
        *("quality-issues", "Cells with an issue by column, code and partition"),
        *("binary", PARQUET),
    ),
    DICTIONARY: ("dictionary", "Every column and what it means", "csv", "text/csv"),
}
_PAGE_TYPES = {"html": "text/html", "css": "text/css", "txt": "text/plain"}


def descriptor(facts: ReleaseFacts, documents: Sequence[FileFacts] = ()) -> dict[str, Any]:
    """The ``datapackage.json`` of a release; the same facts give the same descriptor.

    ``documents`` are files that describe the data and stand beside it.
    A table without published rows is no resource (it has no file); its count of 0 is told.
    """
    register, policy = facts.register, facts.policy
    return {
        "$schema": PROFILE,
        "name": f"{register.name}-{policy.name}",
        "title": f"{register.title}: {policy.title}",
        "description": _description(facts),
        **({"homepage": register.homepage} if register.homepage else {}),
        "version": facts.release,
        "created": to_utc(facts.cutoff),
        "keywords": [register.name, policy.name, *(table.name for table in facts.tables)],
        "licenses": licences(register, policy, [table.schema for table in facts.tables]),
        **_listed("sources", register.sources),
        **_listed("contributors", register.contributors),
        "epcRelease": {
            "register": register.name,
            "policy": {
                "name": policy.name,
                "title": policy.title,
                "description": policy.description,
                "sha256": policy.sha256,
                "access": policy.access,
                "personalData": policy.personal_data,
            },
            "screenedUpstream": list(facts.screened_upstream),
            "geographyVintage": register.geography_vintage,
            "partial": facts.partial,
            "synthetic": facts.synthetic,
            "rows": {table.name: table.ledger.published for table in facts.tables},
            "version": facts.version,
        },
        "resources": [
            *(_table(facts, table) for table in facts.tables if table.parts),
            *(_aggregate(facts, table, csv) for table in facts.aggregates for csv in (True, False)),
            *(_document(facts, document) for document in documents),
            *(_archive(facts, archive) for archive in facts.archives),
            *(_change(facts, change) for change in facts.changes),
        ],
    }


def _description(facts: ReleaseFacts) -> str:
    told = [facts.policy.description.strip()]
    if facts.screened_upstream:
        rules = ", ".join(facts.screened_upstream)
        told.append(f"Screened before this release was made, not by it: {rules}.")
    if facts.partial:
        told.append("A partial release: only a part of the extract was read.")
    if facts.synthetic:
        told.append("Synthetic data: no record is of a real building.")
    return " ".join(told)


def _listed(key: str, entries: tuple[Mapping[str, str], ...]) -> dict[str, Any]:
    return {key: [dict(entry) for entry in entries]} if entries else {}


def _table(facts: ReleaseFacts, table: TableFacts) -> dict[str, Any]:
    parts = _shared_first(facts, table)
    return {
        "name": table.name,
        "type": "table",
        "path": [part.path for part in parts],
        "format": "parquet",
        "mediatype": PARQUET,
        "licenses": licences(facts.register, facts.policy, [table.schema]),
        "schema": released_schema(table.schema),
        "epcRelease": {
            "rows": table.ledger.published,
            "years": dict(table.years),
            "partition": table.partition,
            "year": table.year,
            "inherited": list(table.inherited),
            "schemaId": schema_id(table.schema),
            "parent": facts.register.table(table.name).parent,
        },
        "files": [_file(table, part) for part in parts],
    }


def _shared_first(facts: ReleaseFacts, table: TableFacts) -> list[FileFacts]:
    """A table's parts, beginning with a partition that all tables of its family have."""

    def root(name: str) -> str:
        return facts.register.table(name).parent or name

    family = [t for t in facts.tables if t.parts and root(t.name) == root(table.name)]
    held = [{partition_value(part.path) for part in member.parts} for member in family]
    first = partition_order(set.intersection(*held))[:1]
    return sorted(table.parts, key=lambda part: partition_value(part.path) not in first)


def _file(table: TableFacts, part: FileFacts) -> dict[str, Any]:
    where = {table.partition: partition_value(part.path)} if table.partition else {}
    return {
        "path": part.path,
        "bytes": part.bytes,
        "hash": f"sha256:{part.sha256}",
        "rows": part.rows,
        "content_sha256": part.content_sha256,
        "partition": where,
    }


def released_schema(schema: TableSchema) -> dict[str, Any]:
    """A derived schema as the descriptor tells it: with what readers may take a null for."""
    fields = []
    for field in schema.fields:
        told = dict(field.descriptor)
        if field.type in _AS_READ_BY_PANDAS:
            told["missingValues"] = ["", _AS_READ_BY_PANDAS[field.type]]
        fields.append(told)
    return {"$schema": TABLE_SCHEMA, **schema.descriptor, "fields": fields}


def _aggregate(facts: ReleaseFacts, table: AggregateFacts, csv: bool) -> dict[str, Any]:
    file = table.csv if csv else table.parquet
    return {
        "name": table.name if csv else f"{table.name}-parquet",
        "title": table.title,
        "description": _how(table),
        "type": "table",
        "path": file.path,
        "format": "csv" if csv else "parquet",
        "mediatype": "text/csv" if csv else PARQUET,
        **({"encoding": "utf-8", "bytes": file.bytes} if csv else {}),
        "hash": f"sha256:{file.sha256}",
        "licenses": licences(facts.register, facts.policy, [table.schema]),
        "schema": released_schema(table.schema),
        "epcRelease": {
            "kind": "aggregate",
            "of": table.table,
            "rows": file.rows,
            "bytes": file.bytes,
            "schemaId": schema_id(table.schema),
            "where": table.where,
            "protection": table.protection,
            "threshold": table.threshold,
            "roundTo": table.round_to,
            "ptable": table.ptable,
        },
    }


def _how(table: AggregateFacts) -> str:
    """How the counts were made, in words."""
    told = [f"Records of {table.table}" + (f" where {table.where}." if table.where else ".")]
    if table.protection == "none":
        told.append("The published records give this table exactly: no count is changed.")
        return " ".join(told)
    told.append(
        f"Counts below {table.threshold}, 0 included, are not told; others are multiples of"
        f" {table.round_to}."
    )
    if table.protection == "cell-key":
        told.append(
            "Perturbed by cell keys: the same records have the same count in every table and"
            " release, and totals are not the sums of their parts."
        )
    return " ".join(told)


def _document(facts: ReleaseFacts, document: FileFacts) -> dict[str, Any]:
    name, title, form, mediatype = _DOCUMENTS.get(document.path) or _page(document.path)
    return {
        "name": name,
        "title": title,
        "path": document.path,
        "format": form,
        "mediatype": mediatype,
        "bytes": document.bytes,
        "hash": f"sha256:{document.sha256}",
        "licenses": licences(facts.register, facts.policy, [t.schema for t in facts.tables]),
        "epcRelease": {"kind": "document"},
    }


def _page(path: str) -> tuple[str, str, str, str]:
    """Name, title, format and media type of a page, or of what pages are styled with."""
    file = path.removeprefix(f"{PAGES}/")
    name = f"page-{file.removesuffix('.html').replace('.', '-').lower()}"
    title = "A page for people" if path.endswith(".html") else "What the pages are styled with"
    return name, f"{title}: {file}", "binary", _PAGE_TYPES[path.rpartition(".")[2]]


def _archive(facts: ReleaseFacts, archive: ArchiveFacts) -> dict[str, Any]:
    tables = {member.table for member in archive.members}
    schemas = [table.schema for table in facts.tables if table.name in tables]
    return {
        "name": archive.path.split("/")[-1].removesuffix(".zip").lower(),
        "title": _archive_title(facts.register, archive),
        "path": archive.path,
        "format": "zip",
        "mediatype": "application/zip",
        "bytes": archive.bytes,
        "hash": f"sha256:{archive.sha256}",
        "licenses": licences(facts.register, facts.policy, schemas),
        "epcRelease": {
            "kind": archive.kind,
            "value": archive.value,
            "members": [
                {
                    "name": member.name,
                    "table": member.table,
                    "rows": member.rows,
                    "bytes": member.bytes,
                    **({"year": member.year} if member.year else {}),
                }
                for member in archive.members
            ],
        },
    }


def _change(facts: ReleaseFacts, change: ChangeFacts) -> dict[str, Any]:
    """Lists in Parquet are tables; their CSV and the index stand beside them as plain files."""
    file, schema = change.file, change.schema
    form = "parquet" if schema else ("gz" if file.path.endswith(".gz") else "binary")
    mediatype = {"parquet": PARQUET, "gz": "application/gzip", "binary": "application/json"}[form]
    names = [f"changes-since-{change.since}", *([change.table] if change.table else [])]
    names += [f"{change.kind}-{change.number}"] if change.table else []
    told = {
        "index": "counts by table and partition, and what each partition was and is",
        "records": "records that were added or changed, as they are now",
        "removed": "places that records left, by partition and row of the old file",
    }[change.kind]
    title = f"Changes since release {change.since}: {told}"
    schemas = [t.schema for t in facts.tables if change.table in (None, t.name)]
    return {
        "name": "-".join([*names, *(["csv"] if form == "gz" else [])]),
        "title": f"{change.table}. {title}" if change.table else title,
        **({"type": "table"} if schema else {}),
        "path": file.path,
        "format": form,
        "mediatype": mediatype,
        **({} if schema else {"bytes": file.bytes}),
        "hash": f"sha256:{file.sha256}",
        "licenses": licences(facts.register, facts.policy, schemas),
        **({"schema": released_schema(schema)} if schema else {}),
        "epcRelease": {
            "kind": "changes",
            "since": change.since,
            "table": change.table,
            "list": change.kind,
            "partition": next((t.partition for t in facts.tables if t.name == change.table), None),
            "rows": file.rows,
            "bytes": file.bytes,
            **({"schemaId": schema_id(schema)} if schema else {}),
        },
    }


def _archive_title(register: Register, archive: ArchiveFacts) -> str:
    told = {"all": "everything", "year": f"year {archive.value}"}.get(archive.kind)
    if told is None:
        value = archive.value or "unknown"
        told = next(
            (c.names[value] for c in register.codelists.values() if value in c.names), value
        )
    tables = ", ".join(dict.fromkeys(member.table for member in archive.members))
    return f"{told}: {tables} as CSV"
