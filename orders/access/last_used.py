"""When each key was last used: noted apart from requests, and at most once a minute."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from .models import ApiKey

logger = logging.getLogger(__name__)

EVERY_S = 60.0


class LastUsed:
    """Writes in a thread of its own, so that no request waits for it or fails with it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="key-uses")
        self._lock = threading.Lock()
        self._noted: dict[int, float] = {}

    def note(self, key_id: int) -> Future[None] | None:
        """Have the use of a key written down, unless that was done within EVERY_S."""
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key_id, -EVERY_S) < EVERY_S:
                return None
            self._noted[key_id] = now
        return self._thread.submit(self._write, key_id)

    def settle(self) -> None:
        """Wait until every use noted so far is written down, or given up."""
        with self._lock:
            is_idle = not self._noted
        if not is_idle:
            self._thread.submit(int).result()

    def forget(self) -> None:
        """Note every key again at its next use; for tests, whose rows come and go."""
        with self._lock:
            self._noted.clear()

    def _write(self, key_id: int) -> None:
        due = Q(last_used_at__isnull=True) | Q(
            last_used_at__lte=Now() - timedelta(seconds=EVERY_S)
        )
        try:
            ApiKey.objects.filter(due, id=key_id).update(last_used_at=Now())
        except Exception as error:  # whatever it is, the key counts all the same
            logger.warning("the use of key %d was not written down: %r", key_id, error)
        finally:
            connection.close()  # the thread's own, for use once a minute


LAST_USED = LastUsed()
