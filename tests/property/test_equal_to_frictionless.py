"""Our checks and frictionless: the same verdict on every cell, but for the differences listed.

Schemas and cells are generated. CI runs about 20 seconds; ``EPC_RELEASE_EXAMPLES=20`` makes twenty
times the examples. ``pytest -s`` prints the number of cells compared.
"""

from __future__ import annotations

import json
import os
import runpy
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frictionless import Field as TheirField
from frictionless import FrictionlessException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epc_release.errors import ReleaseError
from epc_release.schemas.parse import PROBLEMS, parse_values
from epc_release.schemas.table import TableSchema

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "schema_differences.py"
CELLS = runpy.run_path(str(SCRIPT))["CELLS"]
MORE = int(os.environ.get("EPC_RELEASE_EXAMPLES", "1"))
NOTES = {
    "json-schema": "jsonSchema",
    "exclusive-minimum": "exclusiveMinimum",
    "exclusive-maximum": "exclusiveMaximum",
    "min-length": "minLength",
    "max-length": "maxLength",
}
COUNTS: Counter[str] = Counter()


def ours(descriptor: Mapping[str, Any], cells: list[str]) -> list[str | None]:
    """Our problem of each cell, as frictionless names it; ``error`` where we refuse the schema."""
    schema = TableSchema({"fields": [{"name": "x", **descriptor}]})
    field = schema.fields[0]
    text = pl.Series(cells, dtype=pl.String)
    try:
        parsed = parse_values(field, schema.missing_values("x"), text, exact=True)
    except ReleaseError:
        return ["error"] * len(cells)
    names: list[str | None] = [PROBLEMS[n - 1] if n else None for n in parsed.problem]
    for place in (parsed.missing & field.required).arg_true():
        names[place] = "required"
    return [_note(name) for name in names]


def _note(name: str | None) -> str | None:
    return "type" if name and name.startswith("type-") else NOTES.get(name or "", name)


def theirs(descriptor: Mapping[str, Any], cells: list[str]) -> list[set[str]]:
    """The notes of frictionless on each cell."""
    try:
        field = TheirField.from_descriptor({"name": "x", **descriptor})
    except FrictionlessException:
        return [{"error"}] * len(cells)
    reader = field.create_cell_reader()
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cell in cells:
            try:
                found.append(set(reader(cell)[1] or ()))
            except (TypeError, ArithmeticError):  # limits that cannot be compared
                found.append({"error"})
    return found


def verdict(found: set[str]) -> str:
    return "error" if "error" in found else "invalid" if found else "valid"


def explained(descriptor: Mapping[str, Any], cell: str, own: str | None, other: set[str]) -> bool:
    """Whether a difference tells why; where both find fault, why one finds that one."""
    if own and "type" in other:
        told = ("valid", "invalid")  # they stop at the type, we read on
    elif own == "type" or (own and other and "error" not in other):
        told = ("invalid", "valid")  # the reverse: that they find other faults does not matter
    else:
        told = ("invalid" if own else "valid", verdict(other))
    return any(one.explains(descriptor, cell, *told) for one in CELLS)


def agree(own: str | None, other: set[str]) -> bool:
    return own in other if own else not other


texts = st.text("aAbZé0159٣_+-.,:;/ TZPYMDHSWeE%£\n\t{}[]\"'@#|=²\u00a0", max_size=8)


def traps(joined: str) -> st.SearchStrategy[str]:
    """Cells between broken bars."""
    return st.sampled_from(joined.split("¦"))


FORMS = [
    "%d/%m/%Y",
    "%Y-%m-%d",
    "%Y%m%d",
    "%d %B %Y",
    "%d/%m/%y",
    "%Y-%m-%d %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S%z",
]
CLOCKS = ["%H:%M", "%H:%M:%S", "%I:%M %p", "%H:%M:%S.%f"]
number_texts = st.one_of(
    st.integers(-20, 20).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-1000, 1000, places=2).map("{:f}".format),
    st.from_regex(
        r"[£ +-]?[0-9]{1,3}([,. ][0-9]{3}){0,2}[.,]?[0-9]{0,2}( ?%|E[+-]?[0-9])?", fullmatch=True
    ),
    traps(
        "5.0¦1_000¦٣¦NaN¦nan¦INF¦-inf¦Infinity¦sNaN¦1e309¦-0¦-0.0¦+5¦.5¦5.¦.¦¦1e5¦1E-3¦"
        "0x10¦ 7 ¦\u00a07¦1,,2¦,5¦--5¦+-5¦1e-400¦9223372036854775807¦"
        "9223372036854775808¦0.1¦007¦95%¦€95¦EUR 95¦-5kg"
    ),
)
days = st.dates().map(lambda d: f"{d.year:04}-{d.month:02}-{d.day:02}")
moments = st.datetimes().map(lambda d: d.isoformat())
day_texts = st.one_of(
    days,
    st.tuples(st.dates(), st.sampled_from(FORMS)).map(lambda pair: pair[0].strftime(pair[1])),
    st.from_regex("[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}", fullmatch=True),
    traps(
        "2024-2-3¦2023-02-29¦2024-02-30¦0000-01-01¦10000-01-01¦ 2024-02-03¦3/2/2024¦"
        "2024-02-03 ¦3 February 2024¦03 february 2024¦٢٠٢٤-01-01¦2024-W01-1¦20240203"
    ),
)
moment_texts = st.one_of(
    moments,
    st.tuples(st.datetimes(), st.sampled_from(FORMS)).map(lambda pair: pair[0].strftime(pair[1])),
    st.tuples(moments, st.sampled_from(["Z", "+01:00", "-0530", "+01", "+99:00"])).map("".join),
    traps(
        "2024-02-03 10:11:12¦2024-02-03T10:11:12¦2024-02-03T10:11¦2024-02-03¦"
        "2024-02-03T24:00:00¦2024-02-03T10:11:60¦2024-2-3T10:11:12¦2024-W01-1T10:00:00¦"
        "2024-02-03T10:11:12,5¦2024-02-03T10:11:12.1234567¦0001-01-01T00:00:00+01:00¦"
        "9999-12-31T23:59:59-01:00"
    ),
)
clock_texts = st.one_of(
    st.times().map(lambda t: t.isoformat()),
    st.tuples(st.times(), st.sampled_from(CLOCKS)).map(lambda pair: pair[0].strftime(pair[1])),
    traps("10:00:00Z¦10:00:00.5¦24:00:00¦10:00:60¦9:00¦10:00¦25:00:00¦10:00:00+01:00"),
)
duration_texts = st.one_of(
    st.from_regex(
        r"-?P([0-9]{1,3}Y)?([0-9]{1,2}M)?([0-9]{1,2}D)?"
        r"(T([0-9]{1,2}H)?([0-9]{1,2}M)?([0-9]{1,2}(\.[0-9]{1,3})?S)?)?",
        fullmatch=True,
    ),
    traps(
        "P1Y¦P12M¦PT24H¦P1D¦P¦PT¦P1DT¦+P1D¦P1W¦P1.5Y¦PT1,5S¦P0001-01-01T00:00:00¦"
        "P9999999999D¦p1d¦P1D\n¦P-1D¦P1H¦PT1D"
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "", 1.0, 1.5]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=5,
)
json_texts = st.one_of(
    json_values.map(json.dumps),
    st.dictionaries(st.sampled_from("ab"), json_values, max_size=3).map(json.dumps),
    st.lists(json_values, max_size=3).map(json.dumps),
    traps('{}¦[]¦[NaN]¦{"a": Infinity}¦{\'a\': 1}¦[1,]¦{"a":1,"a":2}¦ [1] ¦nul'),
)
degrees = st.decimals(-200, 200, places=2).map(str) | st.integers(-181, 181).map(str)
point_texts = st.one_of(
    st.tuples(degrees, degrees).map(", ".join),
    st.tuples(degrees, degrees).map(lambda p: f"[{p[0]}, {p[1]}]"),
    st.tuples(degrees, degrees).map(lambda p: f'{{"lon": {p[0]}, "lat": {p[1]}}}'),
    traps(
        '["90", "45"]¦{"lat": 1, "lon": 2, "z": 3}¦{"lat": 1}¦[1]¦"12"¦1;2¦90 ,45¦'
        "1_0,2¦[true, 1]¦NaN,1¦[NaN,1]¦1e1,2¦180,90¦180.01,90¦-180,-90.5¦٣,1¦1,2,3¦,¦"
        '+1,.5¦{"a":1,"b":2}'
    ),
)
shapes = st.sampled_from(
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Point", "coordinates": [1]},
        {"type": "Point"},
        {"type": "Feature", "geometry": None, "properties": None},
        {"type": "FeatureCollection", "features": []},
        {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]},
        {"type": "Topology", "objects": {}, "arcs": []},
        {
            "type": "Topology",
            "objects": {"a": {"type": "Point", "coordinates": [1, 2]}},
            "arcs": [],
        },
        {"type": "Circle"},
        {},
        [],
    ]
).map(json.dumps)
string_texts = st.one_of(
    texts,
    traps(
        'a@b.com¦a.b+c@mail.example.org¦a@b¦a@@b.com¦@b.com¦ä@b.com¦"a b"@c.org¦'
        "a@b.co.uk¦A@B.COM¦a@1.com¦a@-b.com¦a@b-.com¦a@b.com.¦a..b@c.com¦.a@b.com¦"
        "a@[127.0.0.1]¦a@b.xn--p1ai¦http://a.com¦https://a.com/b?c=d#e¦urn:a:b¦a¦"
        "//a.com¦http:¦http://a b¦mailto:a@b.com¦http://[::1]/¦http://a.com:80¦"
        "http://a.com:x¦http://é.com¦http://a.com/%zz¦HTTP://A.COM¦YWJj¦YQ==¦YQ¦Y===¦"
        "a*b*c*d¦YWJj\n¦====¦YQ==YQ==¦éééé¦¦12345678-1234-5678-1234-567812345678¦"
        "12345678123456781234567812345678¦ab¦abc¦a\n¦ac¦b¦"
        "{12345678-1234-5678-1234-567812345678}¦"
        "urn:uuid:12345678-1234-5678-1234-567812345678¦"
        "ABCDEF01-1234-5678-1234-56781234567G"
    ),
)
year_texts = st.one_of(
    st.integers(0, 99999).map(str),
    traps("+202¦ 202¦2_02¦-202¦٢٠٢٤¦2024¦0000¦2024Z"),
)
month_texts = st.one_of(
    st.tuples(st.integers(0, 10001), st.integers(0, 13)).map(lambda p: f"{p[0]:04}-{p[1]:02}"),
    traps("2024-1¦2024-13¦24-01¦2024-00¦2024/01¦-2024-01¦2024-01-01¦ 2024-01¦2024-+1¦٢٠٢٤-01"),
)
lengths = {"minLength": st.integers(0, 3), "maxLength": st.integers(1, 6)}


def bounds(limits: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), limits)


def fields(
    type_: str,
    rules: Mapping[str, st.SearchStrategy[Any]] | None = None,
    **own: st.SearchStrategy[Any],
) -> st.SearchStrategy[dict[str, Any]]:
    """Descriptors of a type: any of its own properties, any of its constraints."""
    constraints = st.fixed_dictionaries({}, optional={"required": st.booleans(), **(rules or {})})
    tokens = st.lists(traps("¦-¦NaN¦n/a¦0¦ "), max_size=3, unique=True)
    labelled = tokens.map(
        lambda found: [{"value": token, "label": f"as {token}"} for token in found]
    )
    return st.fixed_dictionaries(
        {"type": st.just(type_)},
        optional={"constraints": constraints, "missingValues": tokens | labelled, **own},
    )


def forms(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["default", *names])


KINDS: Mapping[str, tuple[st.SearchStrategy[dict[str, Any]], st.SearchStrategy[str]]] = {
    "string": (
        fields(
            "string",
            {
                **lengths,
                "enum": st.just(["a", "abc", "a@b.com"]),
                "pattern": st.sampled_from(["a|b", "[ab]+", r"\w+", "a.c?", "(?!a).*"]),
            },
        ),
        string_texts,
    ),
    "string in forms": (
        fields("string", lengths, format=forms("email", "uri", "binary", "uuid")),
        string_texts,
    ),
    "integer": (
        fields(
            "integer",
            {"enum": st.just([1, "2", -5]), **bounds(st.integers(-9, 9))},
            bareNumber=st.booleans(),
            groupChar=st.sampled_from([",", " "]),
        ),
        number_texts,
    ),
    "number": (
        fields(
            "number",
            {
                "enum": st.just([1, "2", 2.5, 0.1]),
                **bounds(st.integers(-9, 9) | st.sampled_from([0.5, -2.25])),
            },
            bareNumber=st.booleans(),
            groupChar=st.sampled_from([",", " ", "."]),
            decimalChar=st.sampled_from([".", ","]),
        ).filter(lambda d: d.get("groupChar") != d.get("decimalChar", ".")),
        number_texts,
    ),
    "boolean": (
        fields(
            "boolean",
            {"enum": st.just([True])},
            trueValues=st.just(["true", "Y", "1"]),
            falseValues=st.just(["false", "N", "0"]),
        ),
        st.sampled_from(
            ["true", "True", "TRUE", "tRUE", "1", "0", "Y", "N", "yes", "false", " true", "", "-"]
        ),
    ),
    "date": (
        fields(
            "date", {"enum": st.just(["2024-02-03"]), **bounds(days.filter(lambda d: d > "1000"))}
        ),
        day_texts,
    ),
    "date in forms": (fields("date", format=forms("any", *FORMS)), day_texts | moment_texts),
    "datetime": (fields("datetime", bounds(st.just("2024-01-01T00:00:00"))), moment_texts),
    "datetime in forms": (
        fields("datetime", format=forms("any", *FORMS)),
        moment_texts | day_texts,
    ),
    "time": (fields("time", bounds(st.sampled_from(["10:00:00", "12:30:00"]))), clock_texts),
    "time in forms": (fields("time", format=forms("any", *CLOCKS)), clock_texts),
    "year": (
        fields("year", {"enum": st.just([2024, "2023"]), **bounds(st.integers(1990, 2030))}),
        year_texts,
    ),
    "yearmonth": (
        fields("yearmonth", {"enum": st.just(["2024-01"]), **bounds(st.just("2024-01"))}),
        month_texts,
    ),
    "duration": (fields("duration", {"enum": st.just(["P1D", "P1Y"])}), duration_texts),
    "object": (fields("object", {**lengths, "enum": st.just([{"a": 1}, "{}"])}), json_texts),
    "array": (fields("array", {**lengths, "enum": st.just([[1], "[]"])}), json_texts),
    "geopoint": (fields("geopoint", format=forms("array", "object")), point_texts),
    "geojson": (fields("geojson", format=forms("topojson")), shapes | json_texts),
    "any": (fields("any", {"enum": st.just(["a", "1"])}), texts),
    "list": (
        fields(
            "list",
            lengths,
            delimiter=st.sampled_from([",", ";", "|"]),
            itemType=st.sampled_from(
                ["string", "integer", "boolean", "number", "datetime", "date", "time"]
            ),
        ),
        st.tuples(
            st.lists(number_texts | days | moment_texts | clock_texts, max_size=4),
            st.sampled_from([",", ";", "|"]),
        ).map(lambda pair: pair[1].join(pair[0])),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _told() -> Iterator[None]:
    yield
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(COUNTS.items()))
    print(f"\ncells compared with frictionless: {COUNTS.total()} ({told})")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_verdict_on_every_cell(kind: str) -> None:
    schemas, cells = KINDS[kind]

    @settings(max_examples=40 * MORE, suppress_health_check=list(HealthCheck))
    @given(schemas, st.lists(cells | texts, min_size=20, max_size=60, unique=True))
    def compare(descriptor: dict[str, Any], found: list[str]) -> None:
        COUNTS[kind] += len(found)
        pairs = zip(found, ours(descriptor, found), theirs(descriptor, found), strict=True)
        for cell, own, other in pairs:
            known = agree(own, other) or explained(descriptor, cell, own, other)
            assert known, (descriptor, cell, own, other)

    compare()


@pytest.mark.parametrize("one", CELLS, ids=lambda one: f"{one.types[0]} {one.cell!a}")
def test_each_difference_is_real(one: Any) -> None:
    own, other = ours(one.descriptor, [one.cell])[0], theirs(one.descriptor, [one.cell])[0]
    assert verdict({own} if own else set()) == one.ours
    assert verdict(other) == one.theirs
