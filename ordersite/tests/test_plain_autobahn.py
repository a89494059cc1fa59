from __future__ import annotations

import subprocess
import sys

from django.conf import settings

# In a process of its own: what is replaced stays so.
REPLACED = """
from ordersite.plain_autobahn import make_plain
from autobahn.websocket import protocol
make_plain()
late = protocol.pformat({"b": 1, "a": [2]})
print(late)
assert type(late) is type(protocol.hltype(print)) is type(protocol.hlval(1, color="red"))
"""


def test_what_autobahn_formats_for_debug_lines_is_formatted_when_it_is_read():
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REPLACED],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "{'a': [2], 'b': 1}\n"
