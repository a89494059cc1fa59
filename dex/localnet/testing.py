"""A localnet inside the test's own process, with its ledger in a temporary folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.instruction import Instruction
from solders.keypair import Keypair

from .ledger import Ledger
from .market import sign_transaction
from .methods.rpc import Params
from .network import Network
from .runtime import load
from .server import METHODS, serving
from .store import Record


@dataclass
class RunningLocalnet:
    """A localnet that answers at `urls`, one per node."""

    network: Network
    urls: list[str]

    @property
    def ledger(self) -> Ledger:
        return self.network.ledger

    def control(self, method: str, *params: Any, node: int = 0) -> Any:
        """Call any method without HTTP, `localnet_…` or another; RpcError on refusal."""
        result = METHODS[method](self.network.nodes[node], Params(list(params)))
        self.ledger.commit()
        return result


def land(
    ledger: Ledger, wallet: Keypair, *instructions: Instruction, memo: str = ""
) -> Record | None:
    """Sign and land a transaction at once; None when it could not land at all."""
    raw = sign_transaction(ledger, wallet, instructions, memo)
    loaded = load(raw)
    ledger.land(raw, loaded)
    return ledger.store.history.transaction(loaded.signature)


@contextlib.asynccontextmanager
async def running_localnet(
    folder: Path | None = None, **options: Any
) -> AsyncIterator[RunningLocalnet]:
    """Run a localnet on free ports; options are those of `Network.open`.

    The market is off and the control methods are on unless asked otherwise. With
    `slot_time_s=3600` the slot moves by `localnet_advance` alone.
    """
    options = {"control": True, "market": False, **options}
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = Network.open(folder, **options)
        stack.callback(network.ledger.close)
        ports = [0] * len(network.nodes)
        async with serving(network, host="127.0.0.1", ports=ports) as urls:
            yield RunningLocalnet(network, urls)
