"""What every store must do: tell what was written, forget what was deleted, read any range."""

from __future__ import annotations

import random
import secrets

from epc_release.release.publish.doctor.bench import WORKERS, Bench, Watch
from epc_release.release.publish.doctor.finding import Finding
from epc_release.release.publish.headers import of_pointer
from epc_release.release.publish.parallel import each

_ROUNDS = 20
MANY = 300  # objects: more than a page of many stores' browsers, few enough to wait for
BIG = 48 << 20  # bytes: three parts
_MIB = 1 << 20


def read_after_write(bench: Bench) -> Finding:
    """An object can be read, whole, as soon as it is written."""
    stale = 0
    for number in range(_ROUNDS):
        data = secrets.token_bytes(100)
        path = bench.put(f"written/{number}", data)
        stale += bench.store.head(path) is None or bench.read(path) != data
    return Finding("read after write", not stale, f"{stale} of {_ROUNDS} were not there at once")


def overwrite(bench: Bench) -> Finding:
    """A pointer that was replaced is not seen as it was."""
    path, version, stale = f"{bench.top}pointer.json", None, 0
    for number in range(_ROUNDS):
        data = b"%d" % number
        bench.store.replace(path, data, headers=of_pointer(path), expected=version)
        found = bench.store.read(path)
        stale += found is None or found[0] != data
        version = found[1] if found else None
    return Finding("overwrite", not stale, f"{stale} of {_ROUNDS} were still seen as before")


def listing(bench: Bench) -> Finding:
    """A list holds what was written and not what was deleted."""
    paths = {bench.put(f"listed/{number}", b"x") for number in range(_ROUNDS)}
    listed = {info.path for info in bench.store.list(f"{bench.top}listed/")}
    each(bench.store.delete, sorted(paths), WORKERS)
    left = bench.store.list(f"{bench.top}listed/")
    right = listed == paths and not left
    says = f"{len(paths - listed)} of {_ROUNDS} were missing, {len(left)} still there when deleted"
    return Finding("list after write and delete", right, says)


def ranges(bench: Bench) -> Finding:
    """Any range of an object is that range."""
    data = secrets.token_bytes(3 * _MIB)
    path, chosen, wrong = bench.put("ranges", data), random.Random(0), 0
    with bench.store.open(path) as file:
        for _ in range(_ROUNDS):
            start, length = chosen.randrange(len(data)), chosen.randrange(1, 200_000)
            file.seek(start)
            wrong += file.read(length) != data[start : start + length]
    return Finding("range reads", not wrong, f"{wrong} of {_ROUNDS} were wrong")


def many_objects(bench: Bench) -> Finding:
    """Many small objects are all listed; how quickly they come and go."""
    watch = Watch.start()
    each(lambda number: bench.put(f"many/{number:04}", b"x"), range(MANY), WORKERS)
    rate = watch.rate(MANY)
    listed = bench.store.list(f"{bench.top}many/")
    watch = Watch.start()
    each(bench.store.delete, [info.path for info in listed], WORKERS)
    gone = watch.rate(len(listed))
    says = f"{len(listed)} of {MANY} listed; {rate:.0f} a second written, {gone:.0f} deleted"
    return Finding("many objects", len(listed) == MANY, says)


def big_object(bench: Bench) -> Finding:
    """A file in parts arrives whole; how fast it goes and comes."""
    data = secrets.token_bytes(_MIB) * (BIG // _MIB)
    watch = Watch.start()
    path = bench.put("big", data)
    up = watch.rate(BIG / _MIB)
    watch = Watch.start()
    same = bench.read(path) == data
    down = watch.rate(BIG / _MIB)
    says = f"{BIG // _MIB} MiB {'came back' if same else 'came back with other bytes'};"
    return Finding("big object", same, f"{says} {up:.0f} MiB/s up, {down:.0f} MiB/s down")


TRIALS = (read_after_write, overwrite, listing, ranges, many_objects, big_object)
