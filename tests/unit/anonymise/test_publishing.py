"""What may be told: each field rule, the derived schema, and that the two agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.derive import (
    derive_schema,
    published_sort,
)
from epc_release.anonymise.keys import Keyring
from epc_release.anonymise.policy import Policy, load_policy
from epc_release.anonymise.rules.generalise import Generalise
from epc_release.anonymise.rules.numbers import Bin, BottomCode, Round, TopCode
from epc_release.anonymise.rules.plain import KeepKnown, KeepMatching, Redact
from epc_release.anonymise.screen import bind
from epc_release.anonymise.told import published_partition, published_year
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

frictionless = pytest.importorskip("frictionless")
KEYRING = Keyring(bytes((7 * i * i + 31 * i + 5) % 251 for i in range(40)))


def published(policy: Policy, toy: Register) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "number": ["n1", "n2"],
            "postcode": pl.Series(["sw1a1aa", "nonsense"], dtype=pl.Categorical),
            "lodged": [date(2024, 2, 29), date(2008, 10, 1)],
            "area": [100.5, None],
            "score": [140, 52],
            "band": pl.Series(["A", None], dtype=pl.Categorical),
        }
    )
    return bind(policy, toy.table("homes"), frozenset(frame.columns), _ids(policy)).publish(
        frame, KEYRING
    )


def _ids(policy: Policy) -> tuple[str, ...]:
    return tuple(rule.id for rule in policy.records)


def test_published_records(policy: Policy, toy: Register) -> None:
    records = published(policy, toy)
    assert records.columns == ["number", "postcode", "authority", "lodged", "area", "score", "band"]
    assert records["postcode"].to_list() == ["SW1A 1", None]
    assert records["lodged"].to_list() == ["2024-Q1", "2008-Q4"]
    assert records["area"].to_list() == ["100.5 or over", None]
    assert records["score"].to_list() == [100, 50]
    assert records["authority"].to_list() == [None, None]
    assert records["number"].str.contains("^[0-9a-f]{32}$").all()


def test_derived_schema(policy: Policy, toy: Register) -> None:
    schema = derive_schema(toy.table("homes"), policy)
    assert schema.descriptor["missingValues"] == [""]
    assert schema.primary_key == ("number",)
    fields = schema.by_name
    assert fields["number"].required
    assert fields["lodged"].descriptor["constraints"] == {
        "required": True,
        "pattern": "^[0-9]{4}-Q[1-4]$",
    }
    assert fields["lodged"].type == fields["area"].type == "string"
    assert fields["postcode"].licence == "LicenseRef-address"
    assert fields["score"].constraints == {"maximum": 100}
    assert "derive" not in fields["band"].descriptor
    assert not any("missingValues" in field.descriptor for field in schema.fields)
    works = derive_schema(toy.table("works"), policy)
    assert works.descriptor["foreignKeys"][0]["fields"] == ["number"]
    for made in (schema, works):
        frictionless.Schema.from_descriptor(json.loads(made.json()))


def test_places(policy: Policy, toy: Register) -> None:
    homes, works = toy.tables
    assert (
        published_partition(homes, policy.tables)
        == published_partition(works, policy.tables)
        == "authority"
    )
    assert published_year(homes, policy.tables) == published_year(works, policy.tables) == "lodged"
    assert published_sort(homes, policy)[:3] == ("lodged", "number", "postcode")
    assert sorted(published_sort(homes, policy)) == sorted(derive_schema(homes, policy).names)


def test_keys_go_with_their_columns(write: Callable[..., Path], toy: Register) -> None:
    dropped = load_policy(write('rule = "pseudonymise"\nclass', 'rule = "drop"\nclass'), toy)
    assert derive_schema(toy.table("homes"), dropped).primary_key == ()
    works = derive_schema(toy.table("works"), dropped).descriptor
    assert "primaryKey" not in works
    assert "foreignKeys" not in works
    path = write('columns = ["authority", "band"]\nrule = "keep"',
                 'columns = ["authority", "band"]\nrule = "drop"')  # fmt: skip
    path.write_text(
        path.read_text().replace(
            'columns = ["lodged"]\nrule = "generalise"\nto = "quarter"',
            'columns = ["lodged"]\nrule = "drop"',
        )
    )
    hidden = load_policy(path, toy)
    assert published_partition(toy.table("works"), hidden.tables) is None
    assert published_year(toy.table("homes"), hidden.tables) is None


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (Bin((0, 10)), [-1, 0, 9, 10, None], ["under 0", "0 to under 10", "0 to under 10",
                                             "10 or over", None]),
        (Bin((0, 10)), [float("nan"), 9.99], [None, "0 to under 10"]),
        (Round(None, None, 10), [14, 15, -15, -4, None], [10, 20, -20, 0, None]),
        (Round(0, 100, 10), [-7, 106, 55], [0, 100, 60]),
        (Round(None, None, 0.1), [0.25, 0.349, -0.04, None], [0.3, 0.3, 0.0, None]),
        (Round(None, None, 0.5), [0.3, float("nan")], [0.5, None]),
        (TopCode(None, 5), [4, 6, None], [4, 5, None]),
        (BottomCode(-1, None), [4.0, -6.0, None], [4.0, -1.0, None]),
        (KeepKnown(("Flat", "flat", "House")), ["FLAT ", "house", "12 High St", None],
         ["Flat", "House", None, None]),
        (KeepKnown((2, 3)), [2, 4, None], [2, None, None]),
        (KeepMatching("E[CP]{2}-[A-Z][0-9]"), ["EPC-L5", "EPC-L5 Mr Ham", None],
         ["EPC-L5", None, None]),
        (Redact("[0-9]+", "$1"), ["call 0123 or 4", None], ["call $1 or $1", None]),
        (Generalise("area"), ["SW1A 1AA", "M1 1AE", "GIR", None], ["SW", "M", None, None]),
        (Generalise("outcode"), ["SW1A 1AA", "M11AE"], ["SW1A", "M1"]),
        (Generalise("month"), [date(2024, 2, 1), None], ["2024-02", None]),
        (Generalise("year"), [date(975, 2, 1), None], ["0975", None]),
    ],
)  # fmt: skip
def test_rules(rule: Bin, values: list[object], expected: list[object]) -> None:
    series = pl.Series("x", values, strict=False)
    assert rule.apply(series).to_list() == expected
    if series.dtype == pl.String:
        assert rule.apply(series.cast(pl.Categorical)).to_list() == expected
    assert rule.apply(series.clear()).to_list() == []


def test_negative_zero_does_not_tell_a_sign() -> None:
    assert str(Round(None, None, 0.5).apply(pl.Series([-0.1]))[0]) == "0.0"


def test_a_value_outside_its_hierarchy_stops_without_being_told(
    write: Callable[..., Path], toy: Register
) -> None:
    path = write(
        'columns = ["authority", "band"]',
        'columns = ["authority"]\nrule = "generalise"\nhierarchy = "h.csv"\nto = "region"\n'
        'class = "key"\nwhy = "x"\n[[fields]]\ntables = ["homes"]\ncolumns = ["band"]',
    )
    (path.parent / "h.csv").write_text("authority,place,region\nE1,Ham,North\n")
    policy = load_policy(path, toy)
    bound = bind(policy, toy.table("homes"), frozenset({"authority"}), (*_ids(policy), "cutoff"))
    assert bound.publish(pl.DataFrame({"authority": ["E1", None]}), KEYRING)[
        "authority"
    ].to_list() == ["North", None]
    with pytest.raises(ReleaseError, match="E149") as stopped:
        bound.publish(pl.DataFrame({"authority": ["E1", "SECRET"]}), KEYRING)
    assert "SECRET" not in str(stopped.value)
