"""The policy of a bucket that lets everybody read what is public at a prefix, no more. Pure.

A wildcard cannot say "no dot first", which is what tells private prefixes (``.staging-…``,
``.approvals``, ``.probe-…``) from releases: so every character that an id may begin with stands by
itself. Objects right at the prefix are named one by one, since the lease is one of them. Nobody may
list: a release names its files.
"""

from __future__ import annotations

import string
from typing import Any

from epc_release.errors import ReleaseError

PUBLIC = ("latest.json", "releases.json", "notices.json", "feed.atom", "sitemap.xml", "index.html")
_SIGNED = ("latest.json", "releases.json", "notices.json")
_FIRST = string.digits + string.ascii_letters


def bucket_policy(bucket: str, prefix: str, access: str, uri: str) -> dict[str, Any]:
    """The policy as a document to be written as JSON; E621 unless ``access`` is ``open``.

    ``prefix`` is empty or ends in ``/``.
    """
    if access != "open":
        raise ReleaseError("E621", uri=uri, access=access)
    top = f"arn:aws:s3:::{bucket}/{prefix}"
    names = (*PUBLIC, *(f"{name}.minisig" for name in _SIGNED))
    resources = [f"{top}{name}" for name in names] + [f"{top}{first}*/*" for first in _FIRST]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "EveryoneReadsReleases",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": resources,
            }
        ],
    }
