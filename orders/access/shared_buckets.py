"""The buckets that all web processes share, in Redis: one call of one script each.

A limit guards the engine and must never stop it: who waits for Redis waits a tenth of a
second at most, and after a failure nobody asks again for a moment.
"""

from __future__ import annotations

import logging
import time
from functools import cached_property

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from .buckets import WINDOW_S, Taken

logger = logging.getLogger(__name__)

TIMEOUT_S = 0.1  # of one connect or one answer
PAUSE_S = 2.0  # after a failure, before Redis is asked again

# The generic cell rate algorithm: one number for each bucket, the time at which it is full
# again. By the clock of Redis, so that the processes need none in common. In microseconds,
# which a number of Lua holds exactly. A bucket that is full is not kept.
_TAKE = """
local gap, window, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local there = math.floor((now + window - full_at) / gap)
if there <= 0 then
  return {0, 0, full_at + gap - window - now}
end
local taken = math.min(most, there)
full_at = full_at + taken * gap
redis.call('SET', KEYS[1], string.format('%.0f', full_at),
  'PX', math.ceil((full_at - now) / 1000))
return {taken, there - taken, 0}
"""


class SharedBuckets:
    """Takes tokens from the buckets in Redis, from any thread."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._paused_until = 0.0

    def take(self, name: str, limit: int, most: int) -> Taken | None:
        """Take up to `most` tokens of the `limit` a minute; None while Redis is away."""
        now = time.monotonic()
        if now < self._paused_until:
            return None
        was_away = self._paused_until > 0
        if was_away:  # the others go on without it until this thread knows
            self._paused_until = now + PAUSE_S
        gap_us = WINDOW_S * 1_000_000 // limit
        try:
            tokens, left, wait_us = self._script(
                keys=[name], args=[gap_us, gap_us * limit, most]
            )
        except (RedisError, OSError) as error:
            self._paused_until = time.monotonic() + PAUSE_S
            if not was_away:
                logger.warning(
                    "each process limits by itself, without Redis: %r", error
                )
            return None
        if was_away:
            self._paused_until = 0.0
            logger.warning("limits are counted in Redis again")
        return Taken(tokens, left, wait_us / 1_000_000)

    @cached_property
    def _script(self) -> Script:
        client = Redis.from_url(
            self._redis_url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        return client.register_script(_TAKE)
