"""The `odus` whose workers are killed again and again: it asks about what was cut off after seconds, not a minute."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

_SCRIPT = """#!{python}
import sys
sys.path.insert(0, {root!r})
from tests.faults.hasty import main
main()
"""


def script(directory: Path) -> Path:
    """Write the program."""
    path = directory / "odus"
    path.write_text(_SCRIPT.format(python=sys.executable, root=str(Path(__file__).parents[2])))
    path.chmod(0o755)
    return path


def main() -> None:
    """Run a command of `odus`, which waits less long for gateways and for workers that are gone."""
    from odus import cli  # noqa: PLC0415 - only the program needs it

    patch = pytest.MonkeyPatch()
    patch.setattr("odus.payments.moving.START_SECONDS", 0.5)
    patch.setattr("odus.payments.moving.GATEWAY_SECONDS", 1.0)
    patch.setattr("odus.payments.record.RECONCILE_AFTER", timedelta(seconds=2))
    patch.setattr("odus.kit.job_queue.TAKEOVER_SECONDS", 2)
    patch.setattr("odus.kit.job_queue.POLL_SECONDS", 1)
    cli.main()
