"""Who may be in a release: order, missing cells, the list, the sites, missing inputs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.anonymise.policy import Policy, load_policy
from epc_release.anonymise.screen import Bound, ScreenContext, bind
from epc_release.anonymise.sites import Sites
from epc_release.errors import ReleaseError
from epc_release.schemas.register import Register

CUTOFF = datetime(2024, 7, 1, 12, 0, tzinfo=UTC)  # 13:00 in London
CONTEXT = ScreenContext(CUTOFF, "Europe/London", pl.Series("key", ["ab12"]))
ALL = frozenset({
    "number", "postcode", "authority", "lodged", "moment", "area", "score", "band", "uprn",
    "country", "cancelled", "opt_out",
})  # fmt: skip
GOOD = {
    "number": "n1",
    "postcode": "AB1 2CD",
    "lodged": date(2024, 1, 1),
    "moment": datetime(2024, 1, 1),
    "uprn": "12",
    "country": "England",
    "cancelled": False,
    "opt_out": False,
}
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "number": pl.String, "postcode": pl.String, "lodged": pl.Date, "moment": pl.Datetime("us"),
    "uprn": pl.String, "country": pl.Categorical, "cancelled": pl.Boolean, "opt_out": pl.Boolean,
}  # fmt: skip


@pytest.fixture
def bound(policy: Policy, toy: Register) -> Bound:
    return bind(policy, toy.table("homes"), ALL, ())


def screened(bound: Bound, context: ScreenContext = CONTEXT, **change: Any) -> str | None:
    frame = pl.DataFrame([GOOD | change], schema=SCHEMA)
    found = bound.screen(frame.select(n for n in frame.columns if n in bound.inputs), context)
    assert found.dtype == pl.UInt8
    return None if found[0] == 0 else bound.reasons[found[0] - 1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"country": "Scotland", "cancelled": True}, "country"),
        ({"country": None}, "country"),
        ({"country": "ENGLAND"}, None),
        ({"cancelled": True, "opt_out": True}, "cancelled"),
        ({"cancelled": None}, "cancelled"),
        ({"opt_out": True}, "opt-out"),
        ({"opt_out": None}, "opt-out"),
        ({"number": " AB-12"}, "opt-out"),
        ({"number": None}, None),
        ({"lodged": date(2024, 7, 1), "moment": datetime(2024, 7, 1, 13, 0)}, None),
        ({"lodged": date(2024, 7, 1), "moment": datetime(2024, 7, 1, 13, 1)}, "cutoff"),
        ({"lodged": date(2024, 7, 2), "moment": None}, "cutoff"),
        ({"lodged": None}, "cutoff"),
        ({"moment": None}, None),
    ],
)
def test_decisions(bound: Bound, change: dict[str, Any], reason: str | None) -> None:
    assert screened(bound, **change) == reason


def test_the_day_of_the_cutoff_is_that_of_the_register(bound: Bound) -> None:
    midnight = datetime(2024, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    context = ScreenContext(midnight, "Europe/London")
    assert screened(bound, context, lodged=date(2024, 7, 1), moment=None) is None


@pytest.mark.parametrize(
    ("change", "excluded"),
    [
        ({"uprn": "0077", "postcode": "ZZ1 1ZZ"}, True),
        ({"uprn": "1", "postcode": "ab12cd"}, True),
        ({"uprn": "1", "postcode": "ZZ1 1ZZ"}, False),
        ({"uprn": None, "postcode": "ZZ1 1ZZ"}, False),
        ({"uprn": None, "postcode": None}, True),
    ],
)
def test_sites(bound: Bound, change: dict[str, object], excluded: bool) -> None:
    sites = Sites(pl.Series(["77"]), pl.Series(["AB12CD"]))
    context = ScreenContext(CUTOFF, "Europe/London", sites=sites)
    assert screened(bound, context, **change) == ("excluded-site" if excluded else None)


def test_a_missing_flag_is_false_only_where_the_policy_says_so(
    write: Callable[..., Path], toy: Register
) -> None:
    path = write('drop_if = "cancelled"', 'drop_if = "cancelled"\nmissing = "false"')
    bound = bind(load_policy(path, toy), toy.table("homes"), ALL, ())
    assert screened(bound, cancelled=None) is None


def test_input_that_cannot_be_screened_stops(policy: Policy, toy: Register) -> None:
    with pytest.raises(ReleaseError, match=r"E148: homes: .*: country \(country\)"):
        bind(policy, toy.table("homes"), ALL - {"country"}, ("cancelled",))


def test_rules_applied_upstream(policy: Policy, toy: Register) -> None:
    upstream = ("country", "cancelled", "opt-out", "excluded-site")
    present = ALL - {"country", "cancelled", "opt_out", "uprn"}
    bound = bind(policy, toy.table("homes"), present, upstream)
    assert bound.upstream == ("country", "cancelled")
    assert bound.reasons == ("opt-out", "excluded-site", "cutoff")
    assert not bound.needs_suppressions
    assert screened(bound, number="ab12") == "opt-out"
    assert screened(bound, number="ab13") is None
    assert bind(policy, toy.table("homes"), ALL, ()).needs_suppressions


def test_inputs(bound: Bound, policy: Policy, toy: Register) -> None:
    assert bound.screen_inputs == frozenset(SCHEMA)
    assert bound.inputs == ALL
    assert bound.kept == {"authority", "band"}
    child = bind(policy, toy.table("works"), frozenset({"number", "item"}), ())
    assert child.inputs == {"number", "item"}
    assert child.screen(pl.DataFrame({"number": ["a", "b"]}), CONTEXT).to_list() == [0, 0]


def test_without_a_list_of_sites_nothing_is_read_to_find_them(
    policy: Policy, toy: Register
) -> None:
    bound = bind(policy, toy.table("homes"), ALL, (), sites=False)
    assert "excluded-site" not in bound.reasons
    assert bound.screen_inputs == frozenset(SCHEMA) - {"uprn", "postcode"}
    with pytest.raises(ReleaseError, match=r"E148: homes: .*: excluded-site \(uprn\)"):
        bind(policy, toy.table("homes"), ALL - {"uprn"}, (), sites=False)


def test_no_rows(bound: Bound) -> None:
    assert bound.screen(pl.DataFrame(schema=SCHEMA), CONTEXT).to_list() == []
