"""The product's web application on the database of a test run, for a process of its own.

With DIE_AFTER_COMMIT it kills itself as soon as it has stored an order: before it queues
the order, and before it answers.
"""

from __future__ import annotations

import os
import signal

from ordersite.asgi import application as application  # sets Django up

from django.db import connections  # isort: skip
from orders import events

connections.settings["default"]["NAME"] = os.environ["TEST_DATABASE"]

if os.environ.get("DIE_AFTER_COMMIT"):
    events.subscribe(lambda _: os.kill(os.getpid(), signal.SIGKILL))
