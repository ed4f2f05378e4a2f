"""One publish for each fault at each request, by a process that can be killed, through a proxy."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from epc_release.release.publish.lease import LEASE
from epc_release.release.publish.protocol import publish
from epc_release.release.publish.s3 import S3Store
from tests.integration import publisher, seen
from tests.integration.fault_kinds import Fault
from tests.integration.fault_proxy import Proxy
from tests.integration.faults import right

if TYPE_CHECKING:
    from tests.integration.conftest import MakeRelease, Place

FIRST = "2026-01-01"
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.integration.publisher"])
_PATIENCE = 120  # seconds

Outcome = tuple[str, int, str]  # published | an error's code | killed; exit code; text


@dataclass(frozen=True)
class Point:
    """A request by its name; ``large``: of a release with a file that goes in parts."""

    at: str
    large: bool


@dataclass
class Matrix:
    """Publishes to ``place`` through ``proxy``; each release is another one."""

    place: Place
    proxy: Proxy
    key: tuple[str, str]
    make_release: MakeRelease
    number: int = 0
    last: str = FIRST
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        publish(self._release(FIRST), self.place.uri, verify=right)

    def points(self, fault: Fault) -> list[Point]:
        """Where the fault can be: the requests of a publish in which nothing goes wrong.

        Those that only a file in parts makes are of a release that has one.
        """
        found: list[Point] = []
        for large in (False, True):
            self._through_proxy(self._next(large), "", None)
            assert self.outcomes[-1][0] == "published", self.outcomes[-1]
            self.last = self._id()
            known = {point.at for point in found}
            exchanges = [e for e in self.proxy.exchanges if fault.applies(e)]
            found += [Point(e.name, large) for e in exchanges if e.name not in known]
        return found

    def try_fault(self, fault: Fault, point: Point) -> bool:
        """Publish with a fault at a request, then without; False if that request did not come."""
        release, at = self._next(point.large), point.at
        self._through_proxy(release, at, fault)
        if not self.proxy.fired:
            self._retry(release)
            return False
        try:
            self._judge(fault, at)
        finally:
            self._retry(release)
        return True

    def _judge(self, fault: Fault, at: str) -> None:
        """The release is right, or an error says what is wrong; readers see whole releases."""
        outcome, end, text = self.outcomes[-1]
        told = f"{fault} at {at}: {outcome} {end} {text}"
        assert seen.current(self.place) in (self.last, self._id()), told
        if outcome == "published":
            assert seen.current(self.place) == self._id(), told
        elif outcome == "killed":
            assert fault.name.startswith("killed"), told
        else:
            assert not fault.heals, told
            assert end == 5, told
            assert self.place.uri in text, told
        for release in {self.last, self._id()}:
            index = seen.pointer(self.place, "releases.json")["releases"]
            entry = next((entry for entry in index if entry["id"] == release), None)
            if entry is not None:
                assert seen.whole(self.place, release, entry["sha256"]), told

    def _retry(self, release: Path) -> None:
        """The same command again, without harm: the release is there and nothing is left over."""
        store = self.place.store()
        assert isinstance(store, S3Store)
        if store.head(LEASE) is not None:
            assert store.unlock()
        publish(release, self.place.uri, verify=right)
        self.last = self._id()
        assert seen.current(self.place) == self.last
        assert seen.whole(self.place, self.last)
        left = [info.path for info in store.list() if info.path.startswith((".staging", LEASE))]
        assert not left
        pending = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix)
        assert not pending.get("Uploads")

    def _through_proxy(self, release: Path, at: str, fault: Fault | None) -> None:
        proxy, uri = self.proxy, self.place.uri
        act, lasting = (fault.act, fault.lasting) if fault else (None, False)
        proxy.arm(uri.removeprefix("s3://"), release.name, at, act, lasting)
        hear, tell = _FORKS.Pipe(duplex=False)
        arguments = (tell, proxy.endpoint, self.key, release, uri)
        process = _FORKS.Process(target=publisher.run, args=arguments)
        process.start()
        tell.close()
        proxy.client = process.pid or 0
        proxy.client_known.set()
        try:
            assert hear.poll(_PATIENCE), f"{fault} at {at}: no end"
            self.outcomes.append(hear.recv())
        except EOFError:
            self.outcomes.append(("killed", process.exitcode or 0, ""))
        finally:
            process.kill()
            process.join()
            proxy.disarm()
            hear.close()

    def _id(self) -> str:
        return f"2026-02-01.{self.number}"

    def _next(self, large: bool) -> Path:
        self.number += 1
        return self._release(self._id(), large)

    def _release(self, release: str, large: bool = False) -> Path:
        """A small release; where it is large, one file of it goes in two parts."""
        content = release.encode()
        if large:
            content = content.ljust(publisher.PART_BYTES // 2 + 5, b".")
        return self.make_release(release, content=content)
