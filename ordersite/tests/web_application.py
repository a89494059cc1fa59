"""The product's web application on the database of a test run, for a process of its own."""

from __future__ import annotations

import os

from ordersite.asgi import application as application  # sets Django up

from django.db import connections  # isort: skip

connections.settings["default"]["NAME"] = os.environ["TEST_DATABASE"]
