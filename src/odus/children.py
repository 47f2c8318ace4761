"""Child processes: how one is made, and what all of them leave to their parent."""

import multiprocessing
import signal
import sys
from types import FrameType
from typing import NoReturn

WATCH_SECONDS = 0.25
"""How soon the end of another process is seen."""
DRAIN_SECONDS = 30
"""How long a stop waits for what is under way."""
BESIDE = "odus-"
"""How the names of those begin that are no workers of the server: they are stopped after them."""

Child = multiprocessing.get_context("fork").Process if sys.platform == "linux" else multiprocessing.Process
"""A process that is our own child: from Python 3.14 on, the usual one on Linux is a fork server's."""
FOR_ALL = [signal.SIGINT, signal.SIGHUP] if sys.platform != "win32" else [signal.SIGINT]
"""What a terminal sends to all processes; when the others end, the first one says."""


def heed_only_stop() -> None:
    """Leave what a terminal says to the first process, and end in order, not at once, when that one says."""
    for number in FOR_ALL:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)


def end(number: int, frame: FrameType | None) -> NoReturn:
    """End this process in order: a handler of signals."""
    del frame
    sys.exit(128 + number)
