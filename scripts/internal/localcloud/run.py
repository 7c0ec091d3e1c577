# Runs MiniStack until whoever started it lets go of its standard input. A
# signal can be missed and a parent can be killed; a pipe closes in every case,
# on every system. The functions that the emulator started die with it: they
# are in the process group that this process leads.
import os
import runpy
import shutil
import signal
import sys
import threading

from hypercorn.config import Config


def watch():
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)  # made for this run
    os.killpg(0, signal.SIGKILL)


# The port was taken by whoever started it, so that nobody else could get it meanwhile: MiniStack listens on
# that socket, wherever it would bind.
Config.bind = property(lambda _: ["fd://3"], lambda *_: None)
threading.Thread(target=watch, daemon=True).start()
sys.argv = ["ministack"]
runpy.run_module("ministack", run_name="__main__")
