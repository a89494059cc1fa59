"""The product's web application on the database of a test run, for a process of its own.

With DIE_AFTER_COMMIT it kills itself as soon as it has stored an order: before it queues
the order, and before it answers. With REMEMBERS it reads tokens, owners and guards once a
second, as in production. With GATE it also has the views of odd_views.py.
"""

from __future__ import annotations

import os
import signal

from ordersite.asgi import application as application  # sets Django up

from django.conf import settings  # isort: skip
from django.db import connections

from orders import events, recent

connections.settings["default"]["NAME"] = os.environ["TEST_DATABASE"]
if not os.environ.get("REMEMBERS"):
    recent.KEEP_S = 0.0  # this process may outlive the rows of a test

if os.environ.get("GATE"):
    settings.ROOT_URLCONF = "ordersite.tests.odd_views"

if os.environ.get("DIE_AFTER_COMMIT"):
    events.subscribe(lambda _: os.kill(os.getpid(), signal.SIGKILL))
