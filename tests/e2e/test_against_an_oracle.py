"""Whole releases against a second opinion: the documents' rules again, in SQL on the raw text.

Nothing of the package is used to work out what is expected but its data: Table Schemas, spellings
of dialects, which column has which rule in a policy. Who may be in a release, in which order the
rules count, bands, pseudonyms and how a cell is read are written down here a second time.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import html
import json
import os
import re
import tomllib
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb.func import SPECIAL

import epc_release
from epc_release.release.report import BuildReport

PACKAGE = Path(epc_release.__file__).parent
REGISTER = PACKAGE / "schemas" / "registers" / "epc"
CUTOFF = "2026-09-30T23:59:59+01:00"
LAST = "TIMESTAMP '2026-09-30 23:59:59'"
PARENTS = ("domestic", "non-domestic", "display")

# Everything that Unicode calls white space, and the separators that C calls so.
SPACE = r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]+"
MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
TYPES = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}

HOMES = ((20, "G"), (38, "F"), (54, "E"), (68, "D"), (80, "C"), (91, "B"), (None, "A"))
OTHERS = ((25, "A"), (50, "B"), (75, "C"), (100, "D"), (125, "E"), (150, "F"), (None, "G"))
BANDS: Mapping[str, tuple[str, tuple[tuple[int | None, str], ...]]] = {
    "current_energy_rating": ("current_energy_efficiency", HOMES),
    "potential_energy_rating": ("potential_energy_efficiency", HOMES),
    "asset_rating_band": ("asset_rating", ((-1, "A+"), *OTHERS)),
    "operational_rating_band": ("current_operational_rating", OTHERS),
}

# (rule, columns that it reads, SQL that is true where a record stays), in the order that counts
# (excluded sites are left out: no list of them is given)
RULES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("country", ("country",), "country IN ('England', 'Wales', 'England and Wales')"),
    ("assessment-type", ("assessment_type",), "assessment_type IN ({types})"),
    ("cancelled", ("cancelled",), "NOT cancelled"),
    ("not-for-issue", ("not_for_issue",), "NOT not_for_issue"),
    ("opt-out", ("certificate_number", "opt_out"), "NOT listed AND NOT {flag}"),
    ("green-deal", ("green_deal",), "NOT green_deal"),
    ("national-security", ("national_security",), "NOT national_security"),
    ("voluntary-dec", ("voluntary_dec",), "NOT voluntary_dec"),
    ("floor-date", ("lodgement_date",), "lodgement_date >= DATE '2008-10-01'"),
    (
        "cutoff",
        ("lodgement_date", "lodgement_datetime"),
        f"lodgement_date <= DATE '2026-09-30' AND coalesce(lodgement_datetime <= {LAST}, TRUE)",
    ),
)
ASSESSMENTS = {
    "domestic": "'SAP', 'RdSAP'",
    "non-domestic": "'CEPC', 'CEPC-RR'",
    "display": "'DEC', 'DEC-RR'",
}


def quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def listed(values: Sequence[object]) -> str:
    return ", ".join(quoted(value) for value in values)


@dataclass(frozen=True)
class Oracle:
    """One extract under one policy; tables ``<table>/all`` hold every record and its fate."""

    source: Path
    dialect: str
    policy: str
    db: Any

    @cached_property
    def document(self) -> Mapping[str, Any]:
        path = PACKAGE / "anonymise" / "policies" / "epc" / f"{self.policy}.toml"
        return tomllib.loads(path.read_text("utf-8"))

    @cached_property
    def rules(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The policy's rule of each (table, column)."""
        return {
            (table, column): rule
            for rule in self.document["fields"]
            for table in rule["tables"]
            for column in rule["columns"]
        }

    @cached_property
    def spelling(self) -> Mapping[str, Any]:
        path = REGISTER / "dialects" / f"{self.dialect}.toml"
        return tomllib.loads(path.read_text("utf-8"))

    def fields(self, table: str) -> dict[str, dict[str, Any]]:
        found = json.loads((REGISTER / f"{table}.schema.json").read_text("utf-8"))["fields"]
        return {each["name"]: each for each in found}

    def present(self, table: str) -> dict[str, str]:
        """Our names of the columns that the file has, and how it spells them."""
        spelt = self.spelling.get("tables", {}).get(table, {})
        with (self.source / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        case = str.upper if self.spelling["case"] == "upper" else str.lower
        found = {}
        for name in self.fields(table):
            for one in spelt.get("columns", {}).get(name, [case(name)]):
                if one in header and name not in spelt.get("absent", ()):
                    found[name] = one
        return found

    def flag(self, table: str) -> Mapping[str, Any] | None:
        """The policy's flag for the latest record of each unit of a table."""
        flags = self.document.get("latest", [])
        return next((flag for flag in flags if table in flag["tables"]), None)

    def published(self, table: str) -> list[str]:
        return [n for n in self.fields(table) if self.rules[table, n]["rule"] != "drop"]

    # ------------------------------------------------------------------- what the cells say

    def text(self, name: str) -> str:
        """SQL of a cell's text, tidied and in the register's spelling."""
        tidy = f"trim(regexp_replace(coalesce(raw_{name}, ''), '{SPACE}', ' ', 'g'))"
        if name == "uprn":
            if self.dialect == "register":
                tidy = f"regexp_replace({tidy}, '^(?i:RRN-.*|UPRN-0*)', '')"
            return f"regexp_replace(regexp_replace({tidy}, '^0+([1-9])', '\\1'), '\\.0+$', '')"
        if name == "aircon_present":
            return (
                f"CASE lower({tidy}) WHEN 'yes' THEN 'Y' WHEN 'true' THEN 'Y'"
                f" WHEN 'no' THEN 'N' WHEN 'false' THEN 'N' ELSE {tidy} END"
            )
        if name == "payback_type":
            known = "('short', 'medium', 'long', 'other')"
            return f"CASE WHEN lower({tidy}) IN {known} THEN upper({tidy}) ELSE {tidy} END"
        return tidy

    def missing(self, table: str, name: str) -> list[str]:
        given = self.fields(table)[name].get("missingValues", [""])
        dialect = self.spelling.get("tables", {}).get(table, {}).get("missing", {})
        return [*(v["value"] if isinstance(v, dict) else v for v in given), *dialect.get(name, [])]

    def value(self, kind: Mapping[str, Any], cell: str) -> tuple[str, str]:
        """SQL of a text's value (NULL where it has none) and of its code if it has none."""
        code = f"'type-{kind['type']}'"
        match kind["type"]:
            case "integer":
                whole = f"TRY_CAST(regexp_replace({cell}, '\\.0*$', '') AS BIGINT)"
                fits = f"regexp_full_match({cell}, '[+-]?[0-9]+(\\.0*)?')"
            case "number":
                whole = f"TRY_CAST({cell} AS DOUBLE)"
                exact = [f"TRY_CAST({c} AS DECIMAL(38, 18))" for c in (cell, f"{whole}::VARCHAR")]
                known = f"regexp_full_match({cell}, '{NUMBER}') AND isfinite({whole})"
                same = f"coalesce({exact[0]} = {exact[1]}, TRUE)"
                code = f"CASE WHEN {known} THEN 'number-precision' ELSE {code} END"
                fits, whole = f"{known} AND {same}", f"{whole} + 0.0"
            case "boolean":
                whole = f"{cell} IN ({listed(kind['trueValues'])})"
                fits = f"{whole} OR {cell} IN ({listed(kind['falseValues'])})"
            case "date":
                whole = f"TRY_CAST({cell} AS DATE)"
                fits = f"regexp_full_match({cell}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
                fits += f" AND {cell} >= '0001'"
            case "datetime":
                zoned = f"TRY_CAST({cell} AS TIMESTAMPTZ) AT TIME ZONE 'Europe/London'"
                has_zone = f"regexp_matches({cell}, ':.*(Z|[+-][0-9:]+)$')"
                plain = f"TRY_CAST({cell} AS TIMESTAMP)"
                whole = f"CASE WHEN {has_zone} THEN {zoned} ELSE {plain} END"
                whole = f"date_trunc('second', {whole})"
                fits = f"regexp_full_match({cell}, '{MOMENT}') AND {cell} >= '0001'"
            case _:
                return self.words(kind.get("constraints", {}), cell)
        return f"CASE WHEN {fits} THEN {whole} END", code

    def words(self, limits: Mapping[str, Any], cell: str) -> tuple[str, str]:
        if "enum" in limits:
            spellings = {str(value).lower(): value for value in reversed(limits["enum"])}
            whens = " ".join(f"WHEN {quoted(k)} THEN {quoted(v)}" for k, v in spellings.items())
            own = f"CASE lower({cell}) {whens} END"
            return f"CASE WHEN {cell} IN ({listed(limits['enum'])}) THEN {cell} ELSE {own} END", (
                "'enum'"
            )
        if "pattern" in limits:
            return f"CASE WHEN regexp_full_match({cell}, '{limits['pattern']}') THEN {cell} END", (
                "'pattern'"
            )
        return cell, "NULL"

    def read(self, table: str) -> None:
        """``<table>/typed``: every record with its cells' values and (``!name``) codes."""
        present, kinds = self.present(table), self.fields(table)
        raw = ", ".join(f'"{spelt}" AS raw_{name}' for name, spelt in present.items())
        file = quoted(self.source / f"{table}.csv")
        self.db.execute(
            f"""CREATE TABLE IF NOT EXISTS "{table}/raw" AS
            SELECT row_number() OVER () AS n, {raw} FROM read_csv({file}, header=true,
            all_varchar=true, delim=',', quote='"', escape='"', parallel=false, strict_mode=true)"""
        )
        texts = [
            f"CASE WHEN {self.text(n)} NOT IN ({listed(self.missing(table, n))})"
            f" THEN {self.text(n)} END AS t_{n}"
            for n in present
        ]
        cells = []
        for name, kind in kinds.items():
            if name not in present:
                empty = TYPES.get(kind["type"], "VARCHAR")
                cells += [f"NULL::{empty} AS {name}", f'NULL::VARCHAR AS "!{name}"']
                continue
            value, code = self.value(kind, f"t_{name}")
            if name not in BANDS:
                cells.append(f"{value} AS {name}")
            unread = f"t_{name} IS NOT NULL AND ({value}) IS NULL"
            cells.append(f'CASE WHEN {unread} THEN {code} END AS "!{name}"')
        bands = "".join(f", {band(n)} AS {n}" for n in present if n in BANDS)
        self.db.execute(
            f"""CREATE TABLE IF NOT EXISTS "{table}/typed" AS SELECT *{bands}
            FROM (SELECT n, {", ".join(cells)}
            FROM (SELECT n, {", ".join(texts)} FROM "{table}/raw"))"""
        )

    # ---------------------------------------------------------------- who is in the release

    def suppressed(self) -> str:
        """SQL of the keys that are opted out: the newest event that counts says so."""
        return f"""SELECT key FROM (
            SELECT lower(regexp_replace(certificate_number, '[-\\s]', '', 'g')) AS key,
                lower(trim(event)) = 'opt_out' AS out, row_number() OVER (PARTITION BY key
                    ORDER BY upper(time)::TIMESTAMPTZ DESC, out DESC) AS place
            FROM read_csv({quoted(self.source / "suppressions.csv")}, all_varchar=true, header=true)
            WHERE out OR upper(time)::TIMESTAMPTZ <= TIMESTAMPTZ {quoted(CUTOFF)}
        ) WHERE place = 1 AND out"""

    def applied(self, register: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
        """The rules that can be applied: (rule, columns that decide, SQL of who stays)."""
        present = self.present(f"{register}-certificates")
        for rule, inputs, stays in RULES:
            here = tuple(name for name in inputs if name in present)
            if rule == "opt-out" and register == "display":
                continue
            if inputs[0] not in present:
                continue
            flag = "opt_out" if "opt_out" in here else "FALSE"
            yield rule, here, stays.format(types=ASSESSMENTS[register], flag=flag)

    def parents(self, register: str) -> None:
        """``<table>/all``: every certificate and its ``fate`` (``published``, or why not)."""
        table = f"{register}-certificates"
        applied = list(self.applied(register))
        deciding = {name for _, inputs, _ in applied for name in inputs}
        screened = [name for name in self.fields(table) if name in deciding]
        required = ["certificate_number", "lodgement_date"]
        unread = ", ".join(f'"!{name}"' for name in screened)
        whens = " ".join(f"WHEN ({sql}) IS NOT TRUE THEN '{rule}'" for rule, _, sql in applied)
        missing = " OR ".join(f"{name} IS NULL" for name in required)
        units = [e["unit"] for e in self.document.get("risk", []) if table in e["tables"]]
        flag = self.flag(table)
        beside = (flag["unit"], *flag["by"]) if flag else ()
        read = ", ".join(dict.fromkeys((*self.published(table), *screened, *units, *beside)))
        bare = "lower(regexp_replace(certificate_number, '[-\\s]', '', 'g'))"
        self.db.execute(
            f"""CREATE OR REPLACE TABLE "{table}/all" AS WITH decided AS (
                SELECT *, CASE WHEN coalesce({unread}) IS NOT NULL THEN coalesce({unread})
                    WHEN {missing} THEN 'required-missing' {whens} ELSE 'published' END AS before
                FROM (SELECT *, coalesce({bare} IN ({self.suppressed()}), FALSE) AS listed
                    FROM "{table}/typed")
            ) SELECT *, {copies("certificate_number", read)} AS fate FROM decided"""
        )

    def children(self, register: str) -> None:
        """Recommendations follow their certificate; its worst copy never decides, its best does."""
        table, parent = f"{register}-recommendations", f"{register}-certificates"
        key = "certificate_number"
        item = "improvement_item" if register == "domestic" else "recommendation_item"
        rules = ", ".join(quoted(rule) for rule, _, _ in RULES)
        read = ", ".join([*self.published(table), "certificate_number"])
        self.db.execute(
            f"""CREATE OR REPLACE TABLE "{table}/all" AS WITH followed AS (
                SELECT child.*, up.local_authority AS "/authority",
                    CASE WHEN up.best = 2 THEN '-parent'
                    WHEN coalesce("!certificate_number", "!{item}") IS NOT NULL
                    THEN coalesce("!certificate_number", "!{item}")
                    WHEN child.certificate_number IS NULL OR {item} IS NULL THEN 'required-missing'
                    WHEN up.best IS NULL THEN 'orphan' WHEN up.best = 3 THEN 'parent'
                    ELSE 'published' END AS before
                FROM "{table}/typed" AS child LEFT JOIN (
                    SELECT {key}, min(CASE WHEN fate = 'published' THEN 1
                        WHEN fate IN ({rules}) THEN 2 ELSE 3 END) AS best,
                        any_value(local_authority) FILTER (fate = 'published')
                            AS local_authority
                    FROM "{parent}/all" GROUP BY {key}) AS up USING ({key})
            ) SELECT *, {copies(f"certificate_number, {item}", read)} AS fate FROM followed"""
        )

    # -------------------------------------------------------------------- what may be told

    def told(self, table: str, name: str) -> str:
        """SQL of a published cell."""
        rule, kind = self.rules[table, name], self.fields(table)[name]
        match rule["rule"]:
            case "keep":
                return name
            case "pseudonymise":
                return f"pseudonym({name})"
            case "mask_text":
                return f"masked({name}, {quoted(' '.join(rule['vocabularies']))})"
            case "generalise":
                return self.merged(rule, name) if "hierarchy" in rule else f"strftime({name}, '%Y')"
            case "keep_matching":
                fits = f"regexp_full_match({name}, {quoted(rule['pattern'])})"
                return f"CASE WHEN {fits} THEN {name} END"
            case "bin":
                return binned(rule["edges"], name)
            case "round":
                coded = f"least(greatest({name}, {rule['bottom']}), {rule['top']})"
                near = f"round(round({coded} / {rule['to']}::DOUBLE) * {rule['to']}, 1) + 0.0"
                return f"CASE WHEN {name} IS NOT NULL THEN {near} END::{TYPES[kind['type']]}"
            case "keep_known":
                return self.known_only(rule, kind, name)
        raise AssertionError(rule["rule"])

    def named(self, table: str, name: str) -> str:
        """SQL of a child's cell: what names a certificate stands only where that is published."""
        told = self.told(table, name)
        if "only_if_published" not in self.rules[table, name]:
            return told
        parent = table.replace("recommendations", "certificates")
        keys = f"""SELECT certificate_number FROM "{parent}/all" WHERE fate = 'published'"""
        return f"CASE WHEN {name} IN ({keys}) THEN {told} END"

    def known_only(self, rule: Mapping[str, Any], kind: Mapping[str, Any], name: str) -> str:
        known = self.known(rule, kind)
        if kind["type"] == "integer":
            return f"CASE WHEN {name} IN ({listed(known)}) THEN {name} END"
        own = {str(value).strip().lower(): value for value in reversed(known)}
        whens = " ".join(f"WHEN {quoted(k)} THEN {quoted(v)}" for k, v in own.items())
        return f"CASE lower(trim({name})) {whens} END"

    def latest(self, table: str) -> None:
        """``latest``: by key, whether the certificate may be, and must be, its property's latest.

        It may be where none of the property's is later, it must be where no other is as late. Those
        count that suppression drops afterwards.
        """
        self.db.execute(
            f"""CREATE OR REPLACE TABLE latest AS WITH ordered AS (
                SELECT certificate_number, uprn, rank() OVER (PARTITION BY uprn ORDER BY
                    lodgement_date DESC NULLS LAST, lodgement_datetime DESC NULLS LAST) AS place
                FROM "{table}/all" WHERE fate IN ('published', 'suppressed')
            ) SELECT *, place = 1 AS may, may AND 1 = count(*) FILTER (may) OVER
                (PARTITION BY uprn) AS must FROM ordered WHERE uprn IS NOT NULL"""
        )

    def merged(self, rule: Mapping[str, Any], name: str) -> str:
        path = PACKAGE / "anonymise" / "policies" / "epc" / rule["hierarchy"]
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        told = {value.lower(): value for value in self.known(rule, {})}
        told |= {value.lower(): merged for value, merged in rows}
        whens = " ".join(f"WHEN {quoted(k)} THEN {quoted(v)}" for k, v in told.items())
        return f"CASE lower(trim({name})) {whens} END"

    def known(self, rule: Mapping[str, Any], kind: Mapping[str, Any]) -> list[Any]:
        if "values" in rule:
            return list(rule["values"])
        if "codelist" in rule:
            path = PACKAGE / "schemas" / "codelists" / "local-authorities.csv"
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            return [row["code"] for row in rows] + [row["name_en"] for row in rows]
        return list(kind.get("constraints", {}).get("enum") or kind["known_values"])

    # ------------------------------------------------------------------- what is suppressed

    def protect(self, register: str) -> None:
        """``<table>/told``: certificates as they are published; key sets in turn until all hold."""
        table = f"{register}-certificates"
        own = ", ".join(f"{self.told(table, name)} AS {name}" for name in self.published(table))
        self.db.execute(
            f"""CREATE OR REPLACE TABLE "{table}/told" AS SELECT n, uprn AS "/unit", {own}
            FROM "{table}/all" WHERE fate = 'published'"""
        )
        sets = [each for each in self.document.get("risk", []) if table in each["tables"]]
        while sum(self.enforce(table, each) for each in sets):
            pass
        for name, key in ((table, "n"), (f"{register}-recommendations", "certificate_number")):
            self.db.execute(
                f"""UPDATE "{name}/all" SET fate = 'suppressed' WHERE fate = 'published'
                AND {key} IN (SELECT {key} FROM "{table}/all" WHERE fate IN ('published',
                'suppressed') AND n NOT IN (SELECT n FROM "{table}/told"))"""
            )

    def enforce(self, table: str, asked: Mapping[str, Any]) -> int:
        """Make one key set hold, whole classes at a time; how many rows that changed."""
        keys, changed = asked["keys"], 0
        units = 'count(DISTINCT "/unit") + max(("/unit" IS NULL)::INT)'
        few = [f"{units if 'unit' in asked else 'count(*)'} < {asked['k']}"]
        for each in asked.get("sensitive", ()):
            column = each["column"]
            values = f"count(DISTINCT {column}) + max(({column} IS NULL)::INT)"
            few.append(f"{values} < {each['l']}")
        same = " AND ".join(f"told.{key} IS NOT DISTINCT FROM bad.{key}" for key in keys)
        for star in (*asked["star"], None):
            bad = f"""(SELECT {", ".join(keys)} FROM "{table}/told" GROUP BY ALL
                HAVING {" OR ".join(few)}) AS bad"""
            if star is None:
                sql = f"""DELETE FROM "{table}/told" AS told USING {bad} WHERE {same}"""
            else:
                sql = f"""UPDATE "{table}/told" AS told SET {star} = NULL FROM {bad}
                    WHERE {same} AND told.{star} IS NOT NULL"""
            changed += self.db.execute(sql).fetchall()[0][0]
        return changed

    def run(self) -> None:
        for register in PARENTS:
            self.read(f"{register}-certificates")
            self.read(f"{register}-recommendations")
            self.parents(register)
            self.children(register)
            self.protect(register)

    def ledger(self, table: str) -> dict[str, Any]:
        """As the state's ledger has it."""
        rows = self.db.execute(f'SELECT fate, count(*) FROM "{table}/all" GROUP BY 1').fetchall()
        excluded = {rule for rule, _, _ in RULES} | {"-parent"}
        found: dict[str, Any] = {"read": 0, "published": 0, "excluded": {}, "rejected": {}}
        found["suppressed"] = 0
        for fate, count in rows:
            found["read"] += count
            if fate in ("published", "suppressed"):
                found[fate] = count
            else:
                kind = "excluded" if fate in excluded else "rejected"
                found[kind][fate.removeprefix("-")] = count
        return found


def masked(text: str | None, files: str) -> str | None:
    """The first phrase of a text that is made of known ones, as one regular expression has it."""
    return _masked(text, files)


@cache
def _masked(text: str | None, files: str) -> str | None:
    phrases, whole, limited = grammar(files)
    folded = fold(html.unescape(text or ""))
    found = whole.fullmatch(folded) if text else None
    if found is None or any(
        not low <= Decimal(number) <= high
        for form, _, low, high in limited
        for number in form.findall(folded)
    ):
        return None
    for row in phrases:
        if match := re.fullmatch(pattern(row["phrase"]), found[1]):
            told = row["canonical"] or row["phrase"]
            if not match.groups():
                return told
            step = Decimal(row["round_to"])
            steps = (Decimal(match[1]) / step).to_integral_value(ROUND_HALF_UP)
            return told.replace("{number}", str(steps * step))
    raise AssertionError(text)


@cache
def grammar(files: str) -> tuple[list[dict[str, str]], re.Pattern[str], list[Any]]:
    """The rows of vocabularies, the longest first; all texts made of them; those with numbers."""
    rows: list[dict[str, str]] = []
    for name in files.split():
        path = PACKAGE / "anonymise" / "policies" / "epc" / name
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    rows.sort(key=lambda row: -row["phrase"].count(","))
    any_one = "|".join(re.sub(r"\((?=\[0-9)", "(?:", pattern(row["phrase"])) for row in rows)
    limited = [
        (re.compile(pattern(row["phrase"])), row, Decimal(row["least"]), Decimal(row["most"]))
        for row in rows
        if row["round_to"]
    ]
    whole = rf"[|;]*({any_one})(?:(?:,|[|;]+)(?:{any_one}))*[|;]*"
    return rows, re.compile(whole), limited


def pattern(phrase: str) -> str:
    number = r"([0-9]{1,6}(?:\.[0-9]{1,9})?)"
    return re.escape(fold(phrase)).replace(re.escape("{number}"), number)


def fold(text: str) -> str:
    return re.sub(r"[\s'’‘`´?]", "", unicodedata.normalize("NFKC", text).lower())


def pseudonyms(key: str) -> Callable[[str], str]:
    """What makes the pseudonym of a certificate's number: see ``Keyring.pseudonym_key``."""
    secret = hmac.digest(b64decode(key), b"pseudonym:certificate", "sha256").hex().encode()

    def pseudonym(identifier: str) -> str:
        return hmac.new(secret, identifier.encode(), hashlib.sha256).hexdigest()[:32]

    return pseudonym


def band(name: str) -> str:
    score, bands = BANDS[name]
    near = f"floor({score} + 0.5)"
    *lower, (_, last) = bands
    whens = " ".join(f"WHEN {near} <= {high} THEN '{label}'" for high, label in lower)
    return f"CASE WHEN {score} IS NULL THEN NULL {whens} ELSE '{last}' END"


def binned(edges: Sequence[float], name: str) -> str:
    whens = [f"WHEN {name} < {edges[0]} THEN 'under {edges[0]}'"]
    for low, high in pairwise(edges):
        whens.append(f"WHEN {name} < {high} THEN '{low} to under {high}'")
    return f"CASE {' '.join(whens)} WHEN {name} IS NOT NULL THEN '{edges[-1]} or over' END"


def copies(key: str, read: str) -> str:
    """SQL: of equal copies one stays; of copies that differ, or of which one left, none does."""
    return f"""CASE WHEN before <> 'published' THEN before
        WHEN count(*) OVER (PARTITION BY {key}) = 1 THEN before
        WHEN bool_and(before = 'published') OVER (PARTITION BY {key})
            AND count(*) OVER (PARTITION BY {key}) = count(*) OVER (PARTITION BY {key}, {read})
        THEN CASE WHEN row_number() OVER (PARTITION BY {key} ORDER BY n) = 1 THEN before
            ELSE 'duplicate-row' END
        ELSE 'duplicate-key' END"""


@pytest.mark.parametrize("dialect", ["register", "legacy"])
def test_a_release_is_what_sql_says(
    odd_extract: Callable[[str], Path],
    build: Callable[..., BuildReport],
    tmp_path: Path,
    dialect: str,
) -> None:
    source = odd_extract(dialect)
    cutoff = datetime.fromisoformat(CUTOFF).astimezone(UTC)
    settings: dict[str, Any] = {"cutoff": cutoff, "suppressions_as_of": cutoff}
    with duckdb.connect() as db:
        db.create_function("pseudonym", pseudonyms(os.environ["EPC_RELEASE_KEY"]))
        db.create_function("masked", masked, null_handling=SPECIAL)
        for policy in ("address-level", "deidentified"):
            release = build(source, policy=policy, release=policy, **settings).path
            oracle = Oracle(source, dialect, policy, db)
            oracle.run()
            kept = json.loads((tmp_path / "state" / policy / "ledger.json").read_text("utf-8"))
            for table, account in kept["tables"].items():
                assert account == oracle.ledger(table), (policy, table)
                assert _differences(oracle, release, table) == {}, (policy, table)
                if (flag := oracle.flag(table)) is not None:
                    _check_latest(oracle, release, table, flag["column"])


def test_one_table_alone_is_enough(
    extract: Callable[..., Path], build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    table = "display-certificates"
    source = extract("legacy")
    cutoff = datetime.fromisoformat(CUTOFF).astimezone(UTC)
    build(source / f"{table}.csv", cutoff=cutoff)
    kept = json.loads((tmp_path / "state" / "t1" / "ledger.json").read_text("utf-8"))["tables"]
    assert [name for name, account in kept.items() if account["read"]] == [table]


def _differences(oracle: Oracle, release: Path, table: str) -> dict[str, int]:
    """Published rows that are not expected, expected ones that are not published, and where."""
    db, names = oracle.db, oracle.published(table)
    own, source = ", ".join(names), f'"{table}/told"'
    if table.endswith("recommendations"):
        own = ", ".join(f"{oracle.named(table, name)} AS {name}" for name in names)
        parent = table.replace("recommendations", "certificates")
        of_parent = oracle.told(parent, "local_authority").replace(
            "local_authority", '"/authority"'
        )
        own, names = f"{own}, {of_parent} AS local_authority", [*names, "local_authority"]
        source = f"""(SELECT * FROM "{table}/all" WHERE fate = 'published')"""
    files = quoted(release / "parquet" / table / "*" / "*.parquet")
    db.execute(f"""CREATE OR REPLACE VIEW ours AS
        SELECT {", ".join(names)} FROM read_parquet({files}, hive_partitioning=false)""")
    db.execute(f"""CREATE OR REPLACE TABLE theirs AS
        SELECT {own} FROM {source}""")
    types = [db.execute(f"SELECT * FROM {side} LIMIT 0").description for side in ("ours", "theirs")]
    assert [c[:2] for c in types[0]] == [c[:2] for c in types[1]]
    found = {
        f"{one} only": _count(db, f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}")
        for one, other in (("ours", "theirs"), ("theirs", "ours"))
    }
    key = "certificate_number, " + next((n for n in names if n.endswith("_item")), "''")
    for name in names if any(found.values()) else ():
        pair = [f"SELECT {key}, {name} FROM {side}" for side in ("ours", "theirs")]
        found[name] = _count(db, " EXCEPT ALL ".join(pair))
    return {name: count for name, count in found.items() if count}


def _check_latest(oracle: Oracle, release: Path, table: str, column: str) -> None:
    """At most one certificate of each property is its latest: what no other is later than."""
    oracle.latest(table)
    files = quoted(release / "parquet" / table / "*" / "*.parquet")
    oracle.db.execute(
        f"""CREATE OR REPLACE TABLE flags AS SELECT ours.{column} AS flag, latest.*
        FROM read_parquet({files}, hive_partitioning=false) AS ours
        LEFT JOIN (SELECT *, pseudonym(certificate_number) AS shown FROM latest) AS latest
        ON ours.certificate_number = latest.shown"""
    )
    wrong = (
        "(flag IS NULL) <> (uprn IS NULL)",
        "flag AND NOT may",
        "NOT flag AND must",
    )
    for each in wrong:
        assert _count(oracle.db, f"SELECT * FROM flags WHERE {each}") == 0, (table, each)
    several = "SELECT uprn FROM flags WHERE flag GROUP BY uprn HAVING count(*) > 1"
    assert _count(oracle.db, several) == 0, table
    assert _count(oracle.db, "SELECT * FROM flags WHERE flag") > 0, table


def _count(db: Any, query: str) -> int:
    found: int = db.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]
    return found
