"""Every error of the data quality specification is found in a small file, under its name there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from epc_release.errors import catalogue
from epc_release.release.check.codes import code_of, codes
from epc_release.release.source import s3
from epc_release.schemas.parse import PROBLEMS, WARNINGS

if TYPE_CHECKING:
    from tests.unit.release.check.conftest import Check

ID = {"name": "id", "type": "integer"}
NAME = {"name": "name", "type": "string"}
GOOD = "id,name\n1,Ann\n2,Bob\n"


def name_with(**constraints: Any) -> list[dict[str, Any]]:
    return [ID, {**NAME, "constraints": constraints}]


def id_with(**constraints: Any) -> list[dict[str, Any]]:
    return [{**ID, "constraints": constraints}, NAME]


# error of the specification: files, schema, and the line (None: of no line) that is told
CASES: dict[str, tuple[dict[str, str | bytes], Any, int | None]] = {
    "source-error": ({"a.csv": b""}, [ID, NAME], None),
    "format-error": ({"a.csv.gz": b"<html>no</html>"}, [ID, NAME], None),
    "encoding-error": ({"a.csv": "id,name\n1,Ann\n2,Zo\xeb\n".encode("cp1252")}, [ID, NAME], 3),
    "blank-header": ({"a.csv": "id,\n1,Ann\n"}, [ID, NAME], 1),
    "duplicate-header": ({"a.csv": "id,name,name\n1,Ann,Ann\n"}, [ID, NAME], 1),
    "blank-row": ({"a.csv": "id,name\n1,Ann\n,\n"}, [ID, NAME], 3),
    "duplicate-row": ({"a.csv": "id,name\n1,Ann\n2,Bob\n1,Ann\n"}, [ID, NAME], 4),
    "extra-value": ({"a.csv": "id,name\n1,Ann\n2,Bob,x\n"}, [ID, NAME], 3),
    "missing-value": ({"a.csv": "id,name\n1,Ann\n2\n"}, [ID, NAME], 3),
    "schema-error": ({"a.csv": GOOD}, [{"name": "id", "type": "whole"}], None),
    "non-matching-header": ({"a.csv": "name,id\nAnn,1\n"}, [ID, NAME], 1),
    "extra-header": ({"a.csv": "id,name,city\n1,Ann,York\n"}, [ID, NAME], 1),
    "missing-header": ({"a.csv": "id\n1\n"}, [ID, NAME], 1),
    "type-or-format-error": ({"a.csv": "id,name\n1,Ann\nx,Bob\n"}, [ID, NAME], 3),
    "required-constraint": ({"a.csv": "id,name\n1,Ann\n2,\n"}, name_with(required=True), 3),
    "pattern-constraint": ({"a.csv": GOOD}, name_with(pattern="A.*"), 3),
    "unique-constraint": ({"a.csv": "id,name\n1,Ann\n2,Ann\n"}, name_with(unique=True), 2),
    "enumerable-constraint": ({"a.csv": GOOD}, name_with(enum=["Ann"]), 3),
    "minimum-constraint": ({"a.csv": GOOD}, id_with(minimum=2), 2),
    "maximum-constraint": ({"a.csv": GOOD}, id_with(maximum=1), 3),
    "minimum-length-constraint": ({"a.csv": "id,name\n1,Al\n"}, name_with(minLength=3), 2),
    "maximum-length-constraint": ({"a.csv": "id,name\n1,Anna\n"}, name_with(maxLength=3), 2),
}
PLACES = {"io-error": "nowhere.csv", "scheme-error": "https://example.org/a.csv"}
IN_A_STORE = {"http-error"}


@pytest.mark.parametrize("error", CASES)
def test_each_error_is_found(run: Check, error: str) -> None:
    files, schema, line = CASES[error]
    report = run(files, schema)
    count = next(one for one in report.counts if codes()[one.code].error == error)
    assert count.count >= 1
    assert count.samples[0].line == line
    assert count.severity == ("warning" if error == "duplicate-row" else "error")


@pytest.mark.parametrize("error", PLACES)
def test_places_that_cannot_be_read(run: Check, error: str) -> None:
    report = run({}, [ID, NAME], [PLACES[error]])
    assert [codes()[count.code].error for count in report.counts] == [error]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    s3._client.cache_clear()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-2",
    }.items():
        monkeypatch.setenv(name, value)
    yield f"http://{host}:{port}"
    server.stop()
    s3._client.cache_clear()


def test_a_store_that_answers_404(run: Check, store: str) -> None:
    report = run({}, [ID, NAME], ["s3://no-such-bucket/a.csv"])
    assert [codes()[count.code].error for count in report.counts] == ["http-error"]


def test_an_object_is_checked(run: Check, store: str) -> None:
    client = boto3.client("s3")
    client.create_bucket(
        Bucket="returns", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    client.put_object(Bucket="returns", Key="a.csv", Body=b"id,name\n1,Ann\nx,Bob\n")
    report = run({}, [ID, NAME], ["s3://returns/a.csv"])
    assert [(c.code, c.samples[0].file, c.samples[0].line) for c in report.counts] == [
        ("type-integer", "s3://returns/a.csv", 3)
    ]


def test_the_specification_has_no_other_errors(shared_data: Path) -> None:
    spec = json.loads((shared_data / "data-quality-spec" / "spec.json").read_text("utf-8"))
    assert {*CASES, *PLACES, *IN_A_STORE} == set(spec["errors"])
    assert {code.error for code in codes().values()} - {""} == set(spec["errors"])


def test_every_code_is_told_in_words() -> None:
    assert {*PROBLEMS, *WARNINGS} <= set(codes())
    for code in codes().values():
        assert code.says.endswith(".")
        assert code.mend.endswith(".")


def test_errors_that_stop_a_file_have_a_code() -> None:
    assert {code_of(_error(number)) for number in catalogue() if "E200" <= number < "E260"} <= set(
        codes()
    )


def _error(number: str) -> Any:
    from epc_release.errors import ReleaseError

    return ReleaseError(number)
