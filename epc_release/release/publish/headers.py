"""How published files are served: media types by suffix, and how long they may be cached."""

from __future__ import annotations

from pathlib import PurePosixPath

from epc_release.manifests.layout import CHECKSUMS
from epc_release.release.publish.stores import Headers

IMMUTABLE = "public, max-age=31536000, immutable"  # bytes under a release id never change
SHORT = "public, max-age=60, must-revalidate"  # pointers are replaced

_MEDIA_TYPES = {
    ".atom": "application/atom+xml",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",  # RFC 7111
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".jsonld": "application/ld+json",
    ".md": "text/markdown; charset=utf-8",
    ".minisig": "text/plain; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",  # IANA registry, 2024
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttl": "text/turtle; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}


def content_type(path: str) -> str:
    """The media type of a published path."""
    name = PurePosixPath(path)
    if name.name == CHECKSUMS:
        return "text/plain; charset=utf-8"
    return _MEDIA_TYPES.get(name.suffix.lower(), "application/octet-stream")


def of_release(path: str) -> Headers:
    """Headers of a file of a release."""
    return Headers(content_type(path), IMMUTABLE)


def of_pointer(path: str) -> Headers:
    """Headers of an object that is replaced, such as ``latest.json``."""
    return Headers(content_type(path), SHORT)
