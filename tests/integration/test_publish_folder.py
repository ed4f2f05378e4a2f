"""What only a folder has: a hidden staging folder, modes, links, full disks; and bad releases."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.publish import folder
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.reader import open_reader

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease


def right(_: Path) -> None:
    """A release that verifies."""


def code(release: Path, to: Path) -> str:
    with pytest.raises(ReleaseError) as caught:
        publish(release, str(to), verify=right)
    str(caught.value)
    return caught.value.problem.code


def test_a_killed_copy_is_hidden_and_gone_on_with(
    tmp_path: Path, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, release = tmp_path / "public", make_release()
    promote = folder.FolderStore.promote

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder.FolderStore, "promote", die)
    with pytest.raises(KeyboardInterrupt):
        publish(release, to, verify=right)
    assert [path.name for path in to.iterdir()] == [".staging-2026-03-31"]
    assert (to / ".staging-2026-03-31").stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(folder.FolderStore, "promote", promote)
    report = publish(release, to, verify=right)
    assert (len(report.plan.same), len(report.plan.new)) == (5, 0)
    assert sorted(path.name for path in to.iterdir()) == [
        "2026-03-31",
        "latest.json",
        "releases.json",
    ]


def test_what_an_abandoned_attempt_left_is_replaced(
    tmp_path: Path, make_release: MakeRelease
) -> None:
    to = tmp_path / "public"
    tree = to / ".staging-2026-03-31" / "tree"
    tree.mkdir(parents=True)
    (tree / "ledger.json").write_bytes(b"[]\n")
    (tree / ".part-0011").write_bytes(b"half")
    (to / ".part-0011").write_bytes(b"half")
    publish(make_release(), to, verify=right)
    assert (to / "2026-03-31" / "ledger.json").read_bytes() == b"{}\n"
    assert not list(to.rglob(".part-*"))


def test_a_release_folder_may_be_its_own_target(tmp_path: Path, make_release: MakeRelease) -> None:
    release = make_release()
    report = publish(release, release.parent, verify=right)
    assert (report.outcome, report.plan.new) == ("published", ())
    assert (release.parent / "latest.json").is_file()


def test_a_target_inside_the_release_is_refused(make_release: MakeRelease) -> None:
    release = make_release()
    assert code(release, release / "public") == "E617"


@pytest.mark.parametrize("extra", ["state.json", "quarantine/rows.parquet", ".hidden"])
def test_only_listed_files_are_published(
    tmp_path: Path, make_release: MakeRelease, extra: str
) -> None:
    release = make_release()
    (release / extra).parent.mkdir(exist_ok=True)
    (release / extra).write_bytes(b"private")
    assert code(release, tmp_path / "public") == "E614"
    assert not (tmp_path / "public").exists()


def test_missing_changed_and_linked_files(tmp_path: Path, make_release: MakeRelease) -> None:
    release = make_release()
    (release / "ledger.json").write_bytes(b"[]\n")
    assert code(release, tmp_path / "public") == "E614"
    (release / "ledger.json").unlink()
    assert code(release, tmp_path / "public") == "E614"
    (release / "ledger.json").symlink_to(tmp_path / "elsewhere")
    assert code(release, tmp_path / "public") == "E614"
    assert not (tmp_path / "public" / "latest.json").exists()


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("SHA256SUMS", b"what\n", "E619"),
        ("SHA256SUMS", b"\xff\xfe", "E619"),
        ("SHA256SUMS", b"0" * 64 + b"  ../../etc/passwd\n", "E616"),
        ("datapackage.json", b"{", "E619"),
        ("datapackage.json", b"[]", "E619"),
        ("datapackage.json", b'{"version": "../x", "epcRelease": {}}', "E619"),
    ],
)
def test_damaged_descriptions(
    tmp_path: Path, make_release: MakeRelease, file: str, content: bytes, expected: str
) -> None:
    release = make_release()
    (release / file).write_bytes(content)
    assert code(release, tmp_path / "public") == expected


def test_a_full_disk(
    tmp_path: Path, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    to = tmp_path / "public"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert code(make_release(), to) == "E506"
    assert not list(to.rglob(".part-*"))
    publish(make_release(), to, verify=right)


def test_a_target_that_cannot_be_made(tmp_path: Path, make_release: MakeRelease) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert code(make_release(), tmp_path / "file" / "public") == "E506"


def test_a_link_does_not_lead_out_of_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "release" / "a").symlink_to(tmp_path / "secret")
    reader = open_reader(tmp_path / "release")
    assert reader.list() == ["a"]
    with pytest.raises(ReleaseError) as caught:
        reader.open("a")
    assert caught.value.problem.code == "E616"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as caught:
        open_reader(tmp_path / "none")
    assert caught.value.problem.code == "E507"
