import os
import platform
import sys
import threading

import pytest

from engine.device import GIVEN_WAY, give_way, keep_freed_memory


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_the_thread_that_trains_gives_way_and_no_other():
    here = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def serve() -> None:
        give_way()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    assert found == [max(here, GIVEN_WAY)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == here


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert not keep_freed_memory()
