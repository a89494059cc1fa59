"""The stop of `manage.py up` when one signal interrupts the handler of another."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings

# In a process of its own: signals go to a whole process.
INTERRUPTED = """
import signal, sys
import django
django.setup()
from ordersite.foreground import stopped_by_signals
from ordersite.console import Console
from ordersite.processes import Supervisor

left = 0

def interrupt(frame, event, arg):
    # One more signal at one line of the handler, or of what it calls.
    global left
    left -= 1
    if left == 0:
        signal.raise_signal(signal.SIGHUP)
    return interrupt

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)  # what is late after a round is dropped
console = Console(sys.stdout)
for line in range(1, 30):
    with stopped_by_signals(Supervisor(console), console, "up"):
        left = line
        sys.settrace(interrupt)
        signal.raise_signal(signal.SIGTERM)
        raise SystemError("the signal should have ended the block")
    sys.settrace(None)
"""


def test_signals_that_come_together_end_it_once_and_never_hang_it():
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    said = ended.stdout.splitlines()
    assert said.count("up       | stopping") == 29
    assert said.count("up       | everything has stopped") == 29
