"""ZIP files as a release has them, and with something beside their members."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epc_release.anonymise.leaks.zips import structure, unpacked
from epc_release.release.write.archives import Archive, Member, write_archive

MEMBERS = (Member("Tŷ.csv", b"a\r\n1\r\n" * 50), Member("LICENCE.txt", b"open"))


def archive(folder: Path, limit: int = 0xFFFFFFFF) -> bytes:
    path = Archive("a.zip", "all", None, MEMBERS)
    write_archive(folder, path, zip64_from=limit)
    return (folder / "a.zip").read_bytes()


@pytest.mark.parametrize("limit", [0xFFFFFFFF, 1])
def test_ours_are_clean_with_and_without_zip64(tmp_path: Path, limit: int) -> None:
    file = io.BytesIO(archive(tmp_path, limit))
    assert list(structure(file)) == []
    infos = zipfile.ZipFile(file).infolist()
    assert [b"".join(unpacked(file, info)) for info in infos] == [m.text for m in MEMBERS]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return archive(tmp_path_factory.mktemp("zip"))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=9))
def test_bytes_put_into_an_archive_never_go_unseen(clean: bytes, at: int, extra: bytes) -> None:
    place = min(at, len(clean))
    file = io.BytesIO(clean[:place] + extra + clean[place:])
    problems = list(structure(file))
    if not problems:
        infos = zipfile.ZipFile(file).infolist()
        assert [b"".join(unpacked(file, info)) for info in infos] != [m.text for m in MEMBERS]
