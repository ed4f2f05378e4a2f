"""Parts of a file, hashed in one reading, are those that are cut and hashed one by one."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.publish import multipart


@given(
    data=st.binary(min_size=1, max_size=300),
    size=st.integers(1, 100),
    piece=st.integers(1, 100),
    most=st.integers(1, 50),
)
def test_parts_are_those_of_the_file(data: bytes, size: int, piece: int, most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "file")
        source.write_bytes(data)
        with mock.patch.multiple(multipart, _PIECE=piece, _MOST_PARTS=most):
            parts = multipart.measure(source, size)
    cut = [data[at : at + parts.size] for at in range(0, len(data), parts.size)]
    assert parts.digests == tuple(hashlib.sha256(part).digest() for part in cut)
    assert parts.sha256 == hashlib.sha256(data).hexdigest()
    assert parts.total == len(data)
    assert parts.size >= size
    assert len(cut) <= most
