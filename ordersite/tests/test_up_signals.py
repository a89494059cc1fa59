"""The stop of `manage.py up` when signals come thick and fast."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings

# In a process of its own: signals go to a whole process.
ROUNDS = """
import os, signal, sys, threading, time
import django
django.setup()
from ordersite.management.commands.up import _stopped_by_signals
from ordersite.processes import Console, Supervisor

def send_many():
    for number in (signal.SIGTERM, signal.SIGHUP) * 10:
        os.kill(os.getpid(), number)

for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)  # what is late after a round is dropped
console = Console(sys.stdout)
for _ in range(200):
    with _stopped_by_signals(Supervisor(console), console) as stopping:
        sender = threading.Thread(target=send_many)
        sender.start()
        while not stopping.made:
            time.sleep(0.001)
        raise SystemError("the signal should have ended the block")
    sender.join()
"""


def test_signals_that_come_together_end_it_once_and_never_hang_it():
    ended = subprocess.run(
        [sys.executable, "-c", ROUNDS],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    said = ended.stdout.splitlines()
    assert said.count("up       | stopping") == 200
    assert said.count("up       | everything has stopped") == 200
