"""Wrong variants of single pieces of the engine, to see that the machine catches them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from . import proofs, streams, writes

VARIANTS: tuple[Callable[[], AbstractContextManager[Any]], ...] = (
    writes.no_fence,
    writes.lease_not_checked,
    writes.send_before_save,
    writes.memo_without_attempt,
    writes.floor_lowered_on_retry,
    writes.enqueue_before_commit,
    writes.cancel_by_sub_select,
    proofs.sign_again_on_timeout,
    proofs.status_before_height,
    proofs.wall_clock_instead_of_height,
    proofs.one_endpoint_trusted,
    proofs.null_taken_for_dead,
    proofs.error_at_processed_taken_for_final,
    streams.subscribe_after_replay,
    streams.message_forwarded_without_row,
)
