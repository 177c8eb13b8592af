import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from foundation.host_slots import NoSlotFree, host_slot

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "wb")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "new"


def slot(wait_seconds=0.0):
    return host_slot("test", slots=2, wait_seconds=wait_seconds)


def test_slots_are_as_many_as_stated_and_freed_at_the_end_of_the_block():
    with ExitStack() as holders:
        holders.enter_context(slot())
        holders.enter_context(slot())
        with pytest.raises(NoSlotFree), slot():
            pass

    with slot(), slot():
        pass


def test_caller_waits_as_long_as_stated():
    with slot(), slot():
        before = time.monotonic()
        with pytest.raises(NoSlotFree), slot(wait_seconds=0.3):
            pass

    assert 0.3 <= time.monotonic() - before < 5


def test_slot_of_another_process_counts_until_that_process_dies(settings):
    with slot(), slot():
        pass  # creates the files
    command = [sys.executable, "-c", HOLD, str(settings.DATA_DIR / "test-0.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with slot(), pytest.raises(NoSlotFree), slot():
            pass
        other.kill()
        other.wait()

    with slot(), slot():
        pass
