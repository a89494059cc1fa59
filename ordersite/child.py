"""Become a command that ends when the process that started it ends.

Run by path, before everything else, in the child:

    python -I -S child.py --parent PID --signal NUMBER -- command …

The kernel sends the signal when the parent dies, however it dies (Linux only). It forgets
the wish at a fork and when the user changes, so this stands right before the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def bound(command: list[str], on_parent_death: signal.Signals) -> list[str]:
    """Return `command` wrapped so that it gets this signal when this process ends.

    To be started by the main thread: the kernel watches the thread that forked.
    """
    return [
        *(sys.executable, "-I", "-S", str(Path(__file__).resolve())),
        *("--parent", str(os.getpid())),
        *("--signal", str(int(on_parent_death))),
        *("--", *command),
    ]


def main(arguments: list[str]) -> None:
    _, parent, _, signal_number, _, *command = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):
        sys.exit("the process that started this one has ended")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
