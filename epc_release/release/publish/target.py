"""The one place where a URI becomes a store: another kind of store is one more line here."""

from __future__ import annotations

from pathlib import Path

from epc_release.errors import ReleaseError
from epc_release.release.publish.stores import Store, place


def open_store(uri: str | Path) -> Store:
    """The store at a folder or ``s3://bucket/prefix``; nothing is asked of it yet."""
    scheme, bucket, path = place(str(uri))
    if scheme == "folder":
        from epc_release.release.publish.folder import FolderStore

        return FolderStore(Path(path))
    if scheme == "s3":
        from epc_release.release.publish.s3 import S3Store, connect

        return S3Store(connect(), bucket, path)
    raise ReleaseError("E617", uri=uri, why=f"{scheme}:// is no store that can be published to")
