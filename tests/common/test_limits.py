"""Work in a copy of the process: it ends by an interrupt whenever that comes."""

import os
import signal
import time

import pytest

from common import limits

INTERRUPTED = 130


@pytest.mark.parametrize("who", ["copy", "parent"])
def test_an_interrupt_while_the_copy_is_made(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fork, here, copies = os.fork, os.getpid(), []

    def interrupted() -> int:
        child = fork()
        copies.append(child)
        if (child == 0) == (who == "copy"):
            os.kill(os.getpid(), signal.SIGINT)
        return child

    def work() -> None:
        time.sleep(20)

    monkeypatch.setattr(os, "fork", interrupted)
    try:
        if who == "copy":
            assert limits.apart(work).status == INTERRUPTED
        else:
            with pytest.raises(KeyboardInterrupt):
                limits.apart(work)
            with pytest.raises(ChildProcessError):  # it was waited for
                os.waitpid(copies[0], os.WNOHANG)
    finally:
        if os.getpid() != here:  # the copy went on as its parent
            os._exit(1)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
