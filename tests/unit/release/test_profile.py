"""What a build cost: each stage's tasks, wherever they ran, and the memory of all processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from epc_release.costs import spent
from epc_release.release.execute import Executor, SerialExecutor, open_executor
from epc_release.release.profile import Profile, Profiled, profiling
from epc_release.release.report import profile_table


def burn(seconds: float) -> float:
    """CPU seconds, half of them in a part."""
    for part in (False, True):
        end = time.process_time() + seconds / 2
        with spent("half") if part else spent("other"):
            while time.process_time() < end:
                pass
    return seconds


def hold(size: int) -> int:
    held = bytearray(b"x") * size
    time.sleep(0.5)
    return len(held)


@pytest.fixture(params=["serial", "local"])
def inner(request: pytest.FixtureRequest) -> Iterator[Executor]:
    executor = SerialExecutor() if request.param == "serial" else open_executor("local", 2)
    yield executor
    executor.close()


def test_tasks_are_measured_where_they_run(inner: Executor) -> None:
    with profiling() as profile:
        executor = Profiled(inner, profile)
        assert dict(executor.run(burn, [0.2, 0.3])) == {0.2: 0.2, 0.3: 0.3}
        assert dict(executor.run(hold, [200 << 20])) == {200 << 20: 200 << 20}
    stage = profile.stages["burn"]
    assert stage.tasks == 2
    assert stage.cpu >= 0.5
    assert stage.wall > 0
    assert 0.25 <= profile.parts["half"] <= stage.cpu
    assert profile.cpu >= stage.cpu - 0.1  # the workers' is told in hundredths of a second
    assert profile.peak >= 200 << 20
    told = profile.as_dict()
    assert told["stages"]["burn"]["tasks"] == 2
    assert told["busy_cores"] > 0
    lines = profile_table(profile).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["stage", "burn", "hold"]


def test_an_error_of_a_task_is_its_own(inner: Executor) -> None:
    executor = Profiled(inner, Profile())
    with pytest.raises(ZeroDivisionError):
        list(executor.run(_fail, [0]))


def _fail(number: int) -> float:
    return 1 / number
