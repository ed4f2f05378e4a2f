"""Under what a release may be used: licences per column, and what they do not license."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from epc_release.manifests.facts import PolicyFacts
from epc_release.schemas.register import Register
from epc_release.schemas.table import TableSchema

PERSONAL_DATA = "LicenseRef-personal-data"
_PERSONAL_DATA_TITLE = (
    "Contains personal data, which no licence named here licenses: data protection law applies"
)


def licences(
    register: Register, policy: PolicyFacts, schemas: Iterable[TableSchema]
) -> list[dict[str, str]]:
    """The licences of the columns of these tables, as of a Data Package's ``licenses``.

    Where the records are personal data, that is said beside them: the Open Government Licence
    (section "This licence does not cover") does not license personal data.
    """
    used = {field.licence for schema in schemas for field in schema.fields}
    known = {str(entry["name"]): entry for entry in register.licences}
    found = [
        {key: str(known[name][key]) for key in ("name", "path", "title") if key in known[name]}
        if name in known
        else {"name": name}
        for name in sorted(used)
    ]
    if policy.personal_data:
        found.append({"name": PERSONAL_DATA, "title": _PERSONAL_DATA_TITLE})
    return found


def licence_text(
    register: Register, policy: PolicyFacts, schemas: Mapping[str, TableSchema]
) -> str:
    """The ``LICENCE.txt`` of every archive: which licence holds for which column of which table."""
    blocks = [f"{register.title}\n{policy.title}\n\n{policy.description}".rstrip()]
    if policy.personal_data:
        blocks.append(f"{_PERSONAL_DATA_TITLE}.")
    notices = {str(entry["name"]): entry for entry in register.licences}
    for name, columns in sorted(_columns_by_licence(schemas).items()):
        entry = notices.get(name, {})
        told = [entry.get("title", name), entry.get("path", ""), entry.get("notice", "")]
        lines = [str(line).strip() for line in told if line]
        lines += [f"{table}: {', '.join(held)}" for table, held in columns.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _columns_by_licence(
    schemas: Mapping[str, TableSchema],
) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for table, schema in schemas.items():
        for field in schema.fields:
            found[field.licence].setdefault(table, []).append(field.name)
    return found
