"""The hint to a worker that an order waits. It may be lost; the keeper finds the order."""

from __future__ import annotations

import logging
from uuid import UUID

logger = logging.getLogger(__name__)

JOB = "execution.jobs.execute_order"


def enqueue(order_id: UUID) -> None:
    raise NotImplementedError
