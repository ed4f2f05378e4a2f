"""A publisher in a process of its own, so that it can be killed; run by a fork server."""

from __future__ import annotations

import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.endpoint
from botocore.config import Config
from botocore.credentials import Credentials

from epc_release.errors import ReleaseError
from epc_release.release.publish import copying, credentials, s3
from epc_release.release.publish.protocol import publish

PART_BYTES = 5 << 20  # the least that a store takes
_PAUSE = 0.01  # seconds, instead of botocore's
_LOADER = boto3.session.Session().client(
    "s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
)  # what a client loads from disk is loaded once, before the forks


def client(endpoint: str, key: tuple[str, str]) -> Any:
    """A client with the real renewal of credentials and retries, but short time-outs."""
    session = credentials.session(lambda: Credentials(*key))
    found = session.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 4},
            connect_timeout=2,
            read_timeout=2,
            max_pool_connections=40,
            s3={"addressing_style": "path"},
        ),
    )
    credentials.renew_when_expired(found, session.get_credentials())
    return found


def small_parts(attribute: Any) -> None:
    """Make a small file go, and be copied, in parts."""
    attribute(s3.S3Store.__init__, "__defaults__", ("", PART_BYTES))
    attribute(copying, "ONE_REQUEST", PART_BYTES)


def run(told: Connection, endpoint: str, key: tuple[str, str], folder: Path, uri: str) -> None:
    """Publish, and tell what became of it: the outcome, or an error's code, exit and text."""
    small_parts(setattr)
    pause = SimpleNamespace(sleep=lambda wanted: time.sleep(min(wanted, _PAUSE)))
    vars(botocore.endpoint)["time"] = pause
    vars(s3)["connect"] = partial(client, endpoint, key)
    try:
        report = publish(folder, uri, verify=lambda _: None)
    except ReleaseError as error:
        told.send((error.problem.code, error.exit, f"{error}\n{error.fix}"))
    else:
        told.send((report.outcome, 0, report.summary()))
