"""The keeper: a process beside the server that keeps a worker running, and ends it with the server."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from odus import children
from odus.settings import Settings

RESTART_SECONDS = 1.0
"""How long after its start a worker that ended is started again, at the soonest."""
GRACE_SECONDS = 5.0
"""How much longer than it says itself a worker may take to end."""


@contextmanager
def worker(settings: Settings, *, wanted: bool) -> Generator[None]:
    """Keep a worker running meanwhile, if it is wanted; in the end it finishes what it has begun.

    The process that keeps it has no threads and no event loop, so that a new one can be forked from it at any time.
    """
    if not wanted:
        yield
        return
    keeper = children.Child(target=_keep, name=f"{children.BESIDE}keeper", args=(settings, os.getpid()))
    keeper.start()
    try:
        yield
    finally:
        keeper.terminate()
        keeper.join()


def _keep(settings: Settings, parent: int) -> None:
    """Start the worker whenever there is none, as long as the process that wants it runs."""
    children.heed_only_stop()
    while os.getppid() == parent:
        began = time.monotonic()
        _watch(settings, parent)
        time.sleep(max(began + RESTART_SECONDS - time.monotonic(), 0))


def _watch(settings: Settings, parent: int) -> None:
    """Run one worker until it ends, or until it is to."""
    child = children.Child(target=_work, name=f"{children.BESIDE}jobs", args=(settings,))
    child.start()
    try:
        while child.is_alive() and os.getppid() == parent:
            child.join(children.WATCH_SECONDS)
    finally:
        _stop(child)


def _stop(child: BaseProcess) -> None:
    child.terminate()
    child.join(children.DRAIN_SECONDS + GRACE_SECONDS)
    child.kill()
    child.join()


def _work(settings: Settings) -> None:
    from odus.worker import run  # noqa: PLC0415 - only a worker needs the queue and all features

    run(settings)
