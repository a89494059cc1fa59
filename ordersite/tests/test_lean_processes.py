"""What a process does not need it does not load."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings


def output(*words: str) -> str:
    """Return what an interpreter prints in the project's folder."""
    run = subprocess.run(
        [sys.executable, *words],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout


def test_a_worker_holds_no_web_server_in_its_memory():
    loaded = output(
        "-c",
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'ordersite.settings'\n"
        "django.setup()\n"
        "import execution.assembly, execution.worker\n"
        "print({'daphne', 'twisted', 'autobahn'} & set(sys.modules))",
    )

    assert loaded.strip() == "set()"


def test_runserver_is_that_of_daphne_which_serves_sockets_too():
    assert "--http_timeout" in output("manage.py", "runserver", "--help")
