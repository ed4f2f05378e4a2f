"""``unlock`` removes what a dead publisher holds, and nothing that may be alive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.cli import main
from epc_release.release.publish import lease, liveness
from epc_release.release.publish.lease import Lease
from epc_release.release.publish.s3 import S3Store
from tests.integration.faults import right

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")


def taken(place: Place, process: liveness.Process, ttl: float = 60) -> S3Store:
    """A place whose lease was taken by that process, which did not give it back."""
    store = place.store()
    assert isinstance(store, S3Store)
    store.prepare()
    left = Lease(store.client, store.bucket, store.prefix, store.can, ttl=ttl)
    left._process = process
    left._take()
    return store


def ended() -> liveness.Process:
    """A process of this machine that was killed."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = liveness.this_process()
    started = liveness._started(child.pid)
    assert started
    child.send_signal(signal.SIGKILL)
    child.communicate()
    return liveness.Process(here.machine, child.pid, started)


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(ReleaseError) as caught:
        do()
    assert caught.value.exit == 6
    str(caught.value), caught.value.fix
    return caught.value.problem.code


@linux
def test_the_lease_of_a_killed_process(s3_place: Place, make_release: MakeRelease) -> None:
    from epc_release.release.publish.protocol import publish

    store = taken(s3_place, ended())
    assert refused(lambda: publish(make_release(), s3_place.uri, verify=right)) == "E611"
    assert main(["unlock", "--to", s3_place.uri]) == 0
    assert store.head(lease.LEASE) is None
    publish(make_release(), s3_place.uri, verify=right)


def test_a_lease_that_has_run_out(s3_place: Place) -> None:
    store = taken(s3_place, liveness.Process("another machine", 1, "1"), ttl=-1)
    assert store.unlock()
    assert store.head(lease.LEASE) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda here: here,
        lambda here: liveness.Process("another machine", here.pid, "0"),
        lambda here: liveness.Process(),
    ],
    ids=["alive here", "elsewhere", "unknown"],
)
def test_what_may_be_alive_is_left_alone(
    s3_place: Place, change: Callable[[liveness.Process], liveness.Process]
) -> None:
    store = taken(s3_place, change(liveness.this_process()))
    before = store.read(lease.LEASE)
    assert refused(store.unlock) == "E620"
    assert main(["unlock", "--to", s3_place.uri]) == 6
    assert store.read(lease.LEASE) == before


@linux
def test_a_number_that_another_process_has_now(s3_place: Place) -> None:
    here = liveness.this_process()
    store = taken(s3_place, liveness.Process(here.machine, here.pid, f"{here.started}0"))
    assert store.unlock()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"ttl": "x", "pid": {}}'])
def test_a_lease_that_cannot_be_read_runs_out(
    s3_place: Place, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = taken(s3_place, liveness.this_process())
    store.client.put_object(**store.target(lease.LEASE), Body=content)
    assert refused(store.unlock) == "E620"
    monkeypatch.setattr(Lease.__init__, "__kwdefaults__", {"ttl": -1, "settle": None})
    assert store.unlock()


def test_where_nobody_publishes(place: Place, capsys: Any) -> None:
    assert main(["unlock", "--to", place.uri, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is False
    assert place.store().list() == []


def test_a_folder_that_is_held(tmp_path: Path) -> None:
    from epc_release.release.publish.folder import FolderStore

    store = FolderStore(tmp_path)
    with store.exclusive():
        assert refused(FolderStore(tmp_path).unlock) == "E620"
    assert not store.unlock()


@linux
def test_processes_are_told_apart() -> None:
    here = liveness.this_process()
    assert here.pid == os.getpid()
    assert not here.is_dead()
    assert ended().is_dead()
    assert liveness.parse({"machine": here.machine, "pid": here.pid}) == liveness.Process()
