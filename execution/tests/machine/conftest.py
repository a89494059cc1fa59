"""The stage of the machine: tables with tokens and pools, and nobody who talks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers
from django.db import connection
from pytest_django.fixtures import Settings

from dex.allow_list import allow_genesis
from dex.localnet.methods.control import localnet_genesis
from dex.localnet.methods.rpc import Params
from dex.localnet.network import Network
from orders import recent

from .complaints import complaints
from .records import disconnect


@pytest.fixture
def machine_stage(
    transactional_db: None,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    network = Network.open(tmp_path)
    allow_genesis(localnet_genesis(network.nodes[0], Params([])))
    network.ledger.close()
    before = channel_layers.backends.get(DEFAULT_CHANNEL_LAYER)
    # Only the rule of the deadline lets one pass.
    # What was read a moment ago by the clock on the wall would depend on the machine.
    monkeypatch.setattr(recent, "KEEP_S", 0.0)
    settings.ORDER_TTL_S = 100_000
    logging.disable(logging.WARNING)
    logging.getLogger().addHandler(complaints)
    # It says that nodes contradict each other: here they do.
    tracking = logging.getLogger("dex.solana.tracking")
    tracking.addFilter(_is_unforeseen)
    with connection.cursor() as cursor:
        # PostgreSQL is never killed here: what it says it has committed need not last.
        cursor.execute("SET synchronous_commit = off")
    yield
    connection.close()
    disconnect()
    tracking.removeFilter(_is_unforeseen)
    logging.getLogger().removeHandler(complaints)
    logging.disable(logging.NOTSET)
    if before is None:
        channel_layers.backends.pop(DEFAULT_CHANNEL_LAYER, None)
    else:
        channel_layers.set(DEFAULT_CHANNEL_LAYER, before)


def _is_unforeseen(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)
