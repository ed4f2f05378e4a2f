"""From what went wrong to a message on stderr and an exit code; the one place that knows both."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType

import click

from epc_release.errors import EXIT_DONE, EXIT_INTERRUPTED, ReleaseError
from epc_release.release import log
from epc_release.release.config import DEBUG

_DISK = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EFBIG}
)
# The engines turn the system's errors into their own, and keep its number only in the text.
_DISK_TEXT = (
    "No space left on device",
    "Disk quota exceeded",
    "Too many open files",
    "File too large",
    "Read-only file system",
    "Input/output error",
)


def guard(run: Callable[[], None]) -> int:
    """Call ``run``; its exit code, whatever happened."""
    _interrupt_on_terminate()
    try:
        run()
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        return EXIT_DONE
    except Exception as error:
        return report(error)
    except KeyboardInterrupt:
        return _interrupted()
    return EXIT_DONE


def report(error: Exception) -> int:
    """Say on stderr what went wrong and how to mend it; the exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return _interrupted()
    if isinstance(error, click.ClickException):
        error.show(file=sys.stderr)
        return error.exit_code
    known = error if isinstance(error, ReleaseError) else translate(error)
    _tell(known)
    return known.exit


def _tell(error: ReleaseError) -> None:
    """The message and its fix: a log line for machines, three lines for people."""
    problem = error.problem
    if log.is_json():
        log.LOGGER.error(str(error), extra={"code": problem.code, "fix": error.fix})
    else:
        more = f"epc-release explain {problem.code}"
        click.echo(f"{error}\nFix: {error.fix}\nMore: {more}", err=True)


def translate(error: Exception) -> ReleaseError:
    """What the system or a library raised, as one of ours; its text is left out of a defect."""
    if isinstance(error, MemoryError):
        return ReleaseError("E992")
    number = error.errno if isinstance(error, OSError) else None
    text = next((text for text in _DISK_TEXT if text in str(error)), None)
    if number in _DISK or text is not None:
        problem = os.strerror(number) if number in _DISK and number is not None else text
        return ReleaseError("E991", problem=problem)
    return ReleaseError("E990", kind=type(error).__name__, place=_place(error))


def _place(error: Exception) -> str:
    """The innermost line of our own code on the way to an error."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "epc_release" in frame.filename] or frames
    if not ours:
        return "an unknown place"
    path = ours[-1].filename.replace(os.sep, "/")
    _, found, inner = path.rpartition("epc_release/")
    return f"{found}{inner}:{ours[-1].lineno}"


def _interrupted() -> int:
    click.echo("Interrupted; nothing was released.", err=True)
    return EXIT_INTERRUPTED


def _close_stdout() -> None:
    """Whoever read our output has gone: the interpreter must not try to flush it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt_on_terminate() -> None:
    """A scheduler's SIGTERM ends a build as Ctrl-C does, so that nothing is left behind.

    A worker process started by fork inherits the handler and must die of the signal as usual.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    owner = os.getpid()

    def terminate(number: int, _: FrameType | None) -> None:
        if os.getpid() == owner:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, terminate)
