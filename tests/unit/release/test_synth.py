"""A synthetic extract as a reader finds it: files, faults, cases, canaries."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from datetime import datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from epc_release.anonymise.suppressions import read_suppressions
from epc_release.errors import ReleaseError
from epc_release.release.synth import SynthReport, synthesise
from epc_release.schemas.header import match_header
from epc_release.schemas.load import load_register
from epc_release.schemas.register import Register

DOMESTIC = "domestic-certificates"
REAL_AREAS = """
AB AL B BA BB BD BF BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT
DY E EC EH EN EX FK FY G GIR GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE
LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN
SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV XX YO ZE
"""


@pytest.fixture(scope="module")
def register() -> Register:
    return load_register("epc")


@pytest.fixture(scope="module")
def extract(register: Register, tmp_path_factory: pytest.TempPathFactory) -> SynthReport:
    """An extract of the register with enough rows for every kind of fault."""
    out = tmp_path_factory.mktemp("synth") / "extract"
    return synthesise(out, rows=24_000, seed=7, register=register)


@pytest.fixture(scope="module")
def small(register: Register, tmp_path_factory: pytest.TempPathFactory) -> SynthReport:
    out = tmp_path_factory.mktemp("synth") / "small"
    return synthesise(out, rows=700, seed=3, register=register, dialect="legacy")


def read(report: SynthReport, table: str) -> pl.DataFrame:
    return read_text(report.out / report.files[table].name)


@cache
def read_text(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def whole(frame: pl.DataFrame, pattern: str) -> int:
    """Cells of the whole frame that hold the pattern."""
    return sum(int(column.str.contains(pattern).sum()) for column in frame)


def share(flags: pl.Series) -> float:
    """How much of a Boolean column is true; what is missing does not count."""
    known = flags.drop_nulls()
    return int(known.sum()) / len(known)


def test_rows_are_certificates_and_every_table_is_there(extract: SynthReport) -> None:
    parents = [name for name in extract.rows if name.endswith("certificates")]
    assert sum(extract.rows[name] for name in parents) == 24_000
    assert len(extract.rows) == 6
    for parent in parents:
        child = parent.replace("certificates", "recommendations")
        assert 2.5 < extract.rows[child] / extract.rows[parent] < 4.5


def test_the_same_seed_gives_the_same_files(register: Register, tmp_path: Path) -> None:
    made = [
        synthesise(tmp_path / name, rows=300, seed=seed, register=register)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(files) == 6 + 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert made[0].files[DOMESTIC].sha256 != made[2].files[DOMESTIC].sha256


def test_every_format_holds_the_same_rows(
    register: Register, small: SynthReport, tmp_path: Path
) -> None:
    for fmt in ("csv.gz", "zip", "parquet"):
        other = synthesise(
            tmp_path / fmt, rows=700, seed=3, register=register, dialect="legacy", format=fmt
        )
        assert other.rows == small.rows
        for table in small.files:
            assert decoded(other.out / other.files[table].name).equals(read(small, table))


def decoded(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".gz":
        return pl.read_csv(gzip.decompress(path.read_bytes()), infer_schema=False)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{path.stem}.csv"]
        return pl.read_csv(archive.read(archive.namelist()[0]), infer_schema=False)


def test_compressed_files_tell_no_name_and_no_time(register: Register, tmp_path: Path) -> None:
    for fmt in ("csv.gz", "zip"):
        synthesise(tmp_path / fmt, rows=20, register=register, format=fmt, tables=[DOMESTIC])
    header = (tmp_path / "csv.gz" / f"{DOMESTIC}.csv.gz").read_bytes()[:10]
    assert header[3] == 0
    assert header[4:8] == bytes(4)
    with zipfile.ZipFile(tmp_path / "zip" / f"{DOMESTIC}.zip") as archive:
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("dialect", ["register", "current", "legacy", "feed"])
def test_headers_are_the_dialects(register: Register, tmp_path: Path, dialect: str) -> None:
    report = synthesise(tmp_path / dialect, rows=60, register=register, dialect=dialect)
    for table, file in report.files.items():
        with (report.out / file.name).open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines, strict=True))
        expected = next(
            d for d in register.dialects if (d.dialect, d.table) == (dialect, table)
        ).header
        assert tuple(rows[0]) == expected
        assert {len(row) for row in rows} == {len(expected)}
        assert len(rows) == file.rows + 1
        assert match_header(rows[0], register, file=file.name).dialect.table == table


def test_control_file_describes_what_is_there(extract: SynthReport) -> None:
    control = json.loads((extract.out / "extract.json").read_text())
    assert (control["version"], control["register"], control["synthetic"]) == (1, "epc", True)
    assert datetime.fromisoformat(control["snapshot_time"]).utcoffset() is not None
    assert list(control["tables"]) == list(extract.files)
    for table in control["tables"].values():
        (file,) = table["files"]
        data = (extract.out / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
        assert file["rows"] == table["rows"] == sum(1 for _ in reader) - 1
    assert "private" not in json.dumps(control)


def test_private_files_are_private(extract: SynthReport) -> None:
    assert (extract.out / "private").stat().st_mode & 0o777 == 0o700
    for path in (extract.out / "private").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_no_postcode_area_exists_and_nobody_can_be_rung_up(extract: SynthReport) -> None:
    form = re.compile(r"[A-Z]{1,2}[0-9]{1,2} [0-9][A-Z]{2}")
    for table in (name for name in extract.files if name.endswith("certificates")):
        frame = read(extract, table)
        codes = frame["postcode"].drop_nulls().unique().to_list()
        assert all(form.fullmatch(code) for code in codes)
        areas = {re.match(r"[A-Z]+", code).group() for code in codes}  # type: ignore[union-attr]
        assert not areas & set(REAL_AREAS.split())
        assert frame["uprn"].drop_nulls().str.contains("^99[0-9]{10}$").all()
        assert frame["assessor_phone"].drop_nulls().str.contains("^07700 900[0-9]{3}$").all()
        assert frame["assessor_email"].drop_nulls().str.ends_with("@example.org").all()


def test_properties_have_several_certificates_and_blocks_have_dozens(extract: SynthReport) -> None:
    frame = read(extract, DOMESTIC).filter(pl.col("uprn").is_not_null())
    sizes = frame["uprn"].value_counts(name="n")
    assert 0.3 < share(sizes["n"] > 1) < 0.7
    assert (sizes["n"] >= 24).any()
    home = frame.join(sizes.filter(pl.col("n") == 3), on="uprn", how="semi")
    same = home.group_by("uprn").agg(pl.col("address", "postcode", "property_type").n_unique())
    assert share(same["postcode"] == 1) > 0.98
    assert share(same["property_type"] == 1) > 0.98
    dates = home.group_by("uprn").agg(pl.col("lodgement_date").n_unique())["lodgement_date"]
    assert (dates > 1).all()


def test_authorities_are_real_and_skewed(register: Register, extract: SynthReport) -> None:
    frame = read(extract, DOMESTIC)
    found = frame["local_authority"].value_counts(sort=True).drop_nulls()
    codes = register.codelists["local_authority"]
    known = [code for code in found["local_authority"] if code in codes.names]
    assert len(known) > 80
    assert not [c for c in known if c[0] in "EW" and "end" in codes.attributes[c]]
    assert found["count"][0] > 8 * found["count"][len(known) * 3 // 4]
    assert share(frame["country"].is_in(["England", "Wales"])) > 0.98


def test_few_rows_use_few_authorities_and_years(small: SynthReport) -> None:
    frame = read(small, DOMESTIC)
    assert frame["LOCAL_AUTHORITY"].drop_nulls().n_unique() <= 5
    assert frame["LODGEMENT_DATE"].str.slice(0, 4).n_unique() <= 9  # and the cases' own


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ("floor_level", "^(NODATA!|NO DATA!)$"),
        ("floor_level", "^1st$"),
        ("floor_level", "^Ground$"),
        ("floor_level", "^0[1-5]$"),
        ("floor_level", "^-1$"),
        ("built_form", "^Not Recorded$"),
        ("glazed_type", "^INVALID!$"),
        ("secondheat_description", "^None$"),
        ("energy_tariff", "^Unknown$"),
        ("main_heating_controls", "^%%MAINHEATCONTROL%%$"),
        ("tenure", "^Not defined - use in the case of a new dwelling .{70,}$"),
        ("number_habitable_rooms", r"^[0-9]\.0$"),
        ("current_energy_efficiency", "^1[0-9]{2}$"),
        ("heating_cost_current", "^-12$"),
        ("co2_emissions_current", r"^12000\.4$"),
        ("wind_turbine_count", "^-1$"),
        ("inspection_date", "^(1905|2108|0214)-"),
        ("lodgement_datetime", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        ("walls_description", "W/m[^²]"),
        ("walls_description", "Briciau solet"),
        ("walls_description", r'^\{"value": '),
        ("mainheat_description", "  "),
        ("property_type", "^house$"),
        ("address1", '"'),
    ],
)
def test_values_have_the_registers_quirks(extract: SynthReport, column: str, pattern: str) -> None:
    assert read(extract, DOMESTIC)[column].str.contains(pattern).sum() > 0


def test_quirks_of_other_tables(extract: SynthReport) -> None:
    display = read(extract, "display-certificates")
    assert (display["current_operational_rating"] == "9999").sum() > 0
    texts = read(extract, "domestic-recommendations")["improvement_descr_text"]
    assert texts.str.contains("\n").sum() > 0
    assert texts.str.contains('"').sum() > 0


def test_bands_follow_scores_and_areas_follow_types(extract: SynthReport) -> None:
    frame = read(extract, DOMESTIC).with_columns(
        pl.col("current_energy_efficiency", "total_floor_area").cast(pl.Float64, strict=False)
    )
    c = frame.filter(pl.col("current_energy_rating") == "C")["current_energy_efficiency"]
    assert (c.min(), c.max()) == (69, 80)
    area = dict(frame.group_by("property_type").agg(pl.col("total_floor_area").median()).rows())
    assert area["House"] > 1.3 * area["Flat"]
    later = pl.col("inspection_date") > pl.col("lodgement_date")
    assert 0 < frame.select(later.mean()).item() < 0.05


def test_recommendations_belong_to_certificates(extract: SynthReport) -> None:
    for child in (name for name in extract.files if name.endswith("recommendations")):
        parents = read(extract, child.replace("recommendations", "certificates"))
        rows = read(extract, child)
        key = rows["certificate_number"]
        orphans = rows.filter(~key.is_in(parents["certificate_number"].implode()))
        assert 0 < orphans.height < 0.003 * rows.height + 3
        item = rows.columns[1] if child.startswith("domestic") else "recommendation_item"
        unique = rows.select("certificate_number", item).unique().height
        assert unique >= 0.999 * rows.height - 1


def test_keys_repeat_only_as_copies_and_conflicts(extract: SynthReport) -> None:
    frame = read(extract, DOMESTIC)
    repeated = frame.filter(frame["certificate_number"].is_duplicated())
    copies = frame.height - frame.unique().height
    assert 0 < copies < repeated.height // 2
    assert frame["certificate_number"].str.contains(r"^([0-9]{4}-){4}[0-9]{4}$").all()


def test_cases_to_exclude_are_there_and_counted(extract: SynthReport) -> None:
    frame = read(extract, DOMESTIC)
    counts = extract.excluded[DOMESTIC]
    assert frame["country"].is_in(["Northern Ireland", "Scotland"]).sum() == counts["other-nation"]
    assert frame["cancelled"].is_in(["true", "Y", "1"]).sum() == counts["cancelled"]
    assert (frame["green_deal"] == "true").sum() == counts["green-deal"]
    assert (frame["lodgement_date"] < "2008-10-01").sum() == counts["before-floor"]
    display = read(extract, "display-certificates")
    voluntary = extract.excluded["display-certificates"]["voluntary"]
    assert (display["voluntary_dec"] == "true").sum() == voluntary
    assert all(count > 0 for table in extract.excluded.values() for count in table.values())


def test_unreadable_cells_are_few(extract: SynthReport) -> None:
    dates = read(extract, DOMESTIC)["lodgement_date"]
    wrong = dates.len() - dates.str.to_date("%Y-%m-%d", strict=False).is_not_null().sum()
    assert 0 < wrong < 20
    assert 0 < whole(read(extract, DOMESTIC), "^(n/k|see notes|#REF!)$") < 200


def test_suppression_list_tells_the_newest_event(extract: SynthReport) -> None:
    control = json.loads((extract.out / "extract.json").read_text())
    cutoff = datetime.fromisoformat(control["snapshot_time"])
    listed = read_suppressions(extract.out / "suppressions.csv", cutoff)
    opted_out = sum(table.get("opted-out", 0) for table in extract.excluded.values())
    unknown = 2 * len(extract.excluded)
    assert len(listed.opted_out) == opted_out + unknown
    assert listed.certificates > len(listed.opted_out)
    events = Counter(
        line.split(",")[1] for line in (extract.out / "suppressions.csv").read_text().splitlines()
    )
    assert events["opt_in"] > 0


def test_screened_dialects_hold_no_excluded_cases(small: SynthReport) -> None:
    assert set(small.excluded[DOMESTIC]) == {"before-floor", "after-cutoff"}
    assert "CANCELLED" not in read(small, DOMESTIC).columns


def test_canaries_are_in_the_files_where_they_are_said_to_be(extract: SynthReport) -> None:
    listed = pl.read_csv(extract.out / "private" / "canaries.csv", infer_schema=False)
    assert listed.columns == ["policy", "table", "column", "value"]
    assert set(listed["policy"]) == {"address-level", "deidentified"}
    assert listed.height == extract.canaries == listed.unique().height
    for (table,), group in listed.group_by("table"):
        frame = read(extract, str(table))
        for (column,), values in group.group_by("column"):
            wanted = values["value"].unique()
            cells = frame[str(column)].drop_nulls().unique()
            if any(text.startswith("Canary") for text in wanted) and any("@" in t for t in wanted):
                texts = "\n".join(cells)  # parts of a text of which a policy masks some
                assert all(text in texts for text in wanted), (table, column)
            else:
                assert wanted.is_in(cells.implode()).all(), (table, column)
            assert (wanted.str.len_chars() >= 8).all()


def test_canaries_cover_the_fields_that_are_never_published(extract: SynthReport) -> None:
    listed = pl.read_csv(extract.out / "private" / "canaries.csv", infer_schema=False)
    domestic = listed.filter(pl.col("table") == DOMESTIC)
    covered = {
        policy: set(domestic.filter(pl.col("policy") == policy)["column"])
        for policy in ("address-level", "deidentified")
    }
    private = {"owner", "occupier", "assessor_name", "assessor_email", "assessor_phone", "address4"}
    private |= {"related_party_disclosure", "internal_id", "building_reference_number"}
    assert private <= covered["address-level"]
    address = {"certificate_number", "address", "address1", "postcode", "posttown", "uprn"}
    assert private | address <= covered["deidentified"]


def test_canaries_of_what_is_released_occur_in_no_other_record(extract: SynthReport) -> None:
    listed = pl.read_csv(extract.out / "private" / "canaries.csv", infer_schema=False)
    frame = read(extract, DOMESTIC)
    for column in ("certificate_number", "uprn", "address", "postcode", "address1"):
        own = listed.filter(pl.col("table") == DOMESTIC, pl.col("column") == column)["value"]
        counts = frame.filter(frame[column].is_in(own.implode()))[column].value_counts(name="n")
        assert (counts["n"] == 1).all()


def test_strict_list_is_the_policys_part(extract: SynthReport) -> None:
    private = extract.out / "private"
    listed = pl.read_csv(private / "canaries.csv", infer_schema=False)
    strict = listed.filter(pl.col("policy") == "deidentified")["value"].unique().sort()
    assert (private / "canaries.txt").read_text().splitlines() == strict.to_list()


def test_excluded_records_are_canaries_of_every_policy(extract: SynthReport) -> None:
    listed = pl.read_csv(extract.out / "private" / "canaries.csv", infer_schema=False)
    keys = listed.filter(pl.col("table") == DOMESTIC, pl.col("column") == "certificate_number")
    open_policy = keys.filter(pl.col("policy") == "address-level")["value"]
    frame = read(extract, DOMESTIC)
    rows = frame.filter(frame["certificate_number"].is_in(open_policy.implode()))
    assert rows.height == len(open_policy) == 2 * len(extract.excluded[DOMESTIC])
    assert set(rows["country"]) >= {"Northern Ireland", "Scotland"}


def test_tables_can_be_chosen(register: Register, tmp_path: Path) -> None:
    chosen = ["domestic-certificates", "domestic-recommendations"]
    told: Counter[str] = Counter()

    def progress(table: str, rows: int) -> None:
        told[table] += rows

    report = synthesise(
        tmp_path / "out", rows=50, register=register, tables=chosen, progress=progress
    )
    assert report.rows["domestic-certificates"] == 50
    assert dict(told) == report.rows
    assert list(report.files) == chosen


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_any_number_of_rows_will_do(register: Register, tmp_path: Path, rows: int) -> None:
    report = synthesise(tmp_path / "out", rows=rows, register=register)
    assert sum(n for name, n in report.rows.items() if name.endswith("certificates")) == rows


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"rows": 0}, "E182"),
        ({"format": "xlsx"}, "E183"),
        ({"dialect": "klingon"}, "E183"),
        ({"tables": ["tenants"]}, "E183"),
    ],
)
def test_what_is_unknown_is_refused(
    register: Register, tmp_path: Path, settings: dict[str, object], code: str
) -> None:
    with pytest.raises(ReleaseError) as caught:
        synthesise(tmp_path / "out", **{"rows": 10, "register": register, **settings})  # type: ignore[arg-type]
    assert caught.value.problem.code == code
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_left_alone(register: Register, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ReleaseError) as caught:
        synthesise(tmp_path, rows=10, register=register)
    assert caught.value.problem.code == "E184"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
