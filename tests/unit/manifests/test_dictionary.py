"""The data dictionary: what each column is, from the schemas and the published rows."""

from __future__ import annotations

import pytest

from epc_release.manifests.dictionary import allowed_values, described, missing_tokens, share_text
from epc_release.schemas.table import Field, TableSchema


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"constraints": {"enum": ["A", "B"]}}, "A | B"),
        ({"constraints": {"enum": [True, False]}}, "true | false"),
        ({"categories": [{"value": 1, "label": "one"}, {"value": 2}]}, "1 | 2"),
        ({"constraints": {"minimum": 0, "maximum": 9.5}}, "at least 0; at most 9.5"),
        ({"constraints": {"pattern": "^x$", "required": True}}, "matching ^x$"),
        ({}, ""),
    ],
)
def test_allowed_values(field: dict[str, object], told: str) -> None:
    assert allowed_values(Field({"name": "n", **field})) == told


def test_tokens_have_their_meaning() -> None:
    tokens = ["", {"value": "NO DATA!", "label": "no data"}]
    schema = TableSchema(
        {"fields": [{"name": "a", "missingValues": tokens}, {"name": "b"}], "missingValues": ["-"]}
    )
    assert missing_tokens(schema, "a") == "(empty) | NO DATA! (no data)"
    assert missing_tokens(schema, "b") == "-"


def test_known_values_are_told_beside_the_allowed_ones() -> None:
    field = Field({"name": "n", "type": "integer", "unit": "m", "known_values": [1, 2]})
    assert described(field) == ("n", "integer", "m", "", "1 | 2")


def test_shares_are_rounded() -> None:
    assert share_text(1, 3, 4) == "0.3333"
    assert share_text(1, 3, 2) == "0.33"
