"""Every fault at every request of a publish: a right release or a clear error, and a clean retry.

A sample in a normal run; all of them with ``scripts/faults``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.integration import publisher
from tests.integration.conftest import KEY, KEY_ID
from tests.integration.fault_kinds import FAULTS, Fault
from tests.integration.fault_matrix import Matrix
from tests.integration.fault_proxy import Proxy, running

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place, Server

ALL = os.environ.get("EPC_RELEASE_FAULTS") == "all"
SAMPLE = 2  # points of each fault


@pytest.fixture(scope="module")
def proxy(seaweedfs_server: Server) -> Iterator[Proxy]:
    with running(seaweedfs_server.endpoint) as found:
        yield found


@pytest.fixture
def matrix(
    proxy: Proxy,
    real_place: Place,
    make_release: MakeRelease,
    monkeypatch: pytest.MonkeyPatch,
) -> Matrix:
    publisher.small_parts(monkeypatch.setattr)
    return Matrix(real_place, proxy, (KEY_ID, KEY), make_release)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_at_every_request(matrix: Matrix, fault: Fault) -> None:
    points = matrix.points(fault)
    assert len(points) == len(set(points))
    chosen = points if ALL else points[FAULTS.index(fault) % 5 :: max(1, len(points) // SAMPLE)]
    tried, wrong = 0, []
    for point in chosen:
        try:
            tried += matrix.try_fault(fault, point)
        except AssertionError as error:
            wrong.append(f"{point.at}: {error}")
    print(f"{fault}: {tried} of {len(points)} points tried")
    assert not wrong, "\n".join(wrong)
    assert tried > len(chosen) * 0.9
