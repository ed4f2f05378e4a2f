"""Write the generated documents from the program; ``--check`` only says what is stale.

These are docs/errors/, docs/cli.md, docs/schema-differences.md and docs/policies/shown/.
"""

from __future__ import annotations

import sys
from pathlib import Path

import schema_differences

from epc_release.anonymise.policy import load_policy, policy_names
from epc_release.anonymise.review.pages import as_markdown
from epc_release.anonymise.review.shown import show
from epc_release.errors import catalogue
from epc_release.release.cli import pages
from epc_release.release.cli.app import group
from epc_release.schemas.load import load_register, register_names

DOCS = Path(__file__).resolve().parents[1] / "docs"


def wanted() -> dict[Path, str]:
    """Every generated document with its content."""
    problems = catalogue()
    found = {DOCS / "errors" / f"{p.code}.md": pages.error_page(p) for p in problems.values()}
    found[DOCS / "errors" / "README.md"] = pages.error_index(problems.values())
    found[DOCS / "schema-differences.md"] = schema_differences.page()
    found[DOCS / "cli.md"] = pages.command_reference(group)
    for register in map(load_register, register_names()):
        for name in policy_names(register.name):
            page = as_markdown(show(load_policy(name, register), register))
            found[DOCS / "policies" / "shown" / f"{register.name}-{name}.md"] = page
    return found


def stale(documents: dict[Path, str]) -> list[Path]:
    """Documents that are absent, differ, or should no longer be there."""
    differ = [
        path
        for path, text in documents.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    made = [*(DOCS / "errors").glob("*.md"), *(DOCS / "policies" / "shown").glob("*.md")]
    return differ + [path for path in made if path not in documents]


def main() -> int:
    documents = wanted()
    out_of_date = stale(documents)
    if "--check" in sys.argv[1:]:
        print("\n".join(f"out of date: {path.relative_to(DOCS.parent)}" for path in out_of_date))
        return int(bool(out_of_date))
    for path in out_of_date:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path in documents:
            path.write_text(documents[path], encoding="utf-8", newline="\n")
        else:
            path.unlink()
    print(f"{len(documents)} documents, {len(out_of_date)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
