"""A localnet without HTTP, for tests of what its methods answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from dex.localnet.market import sign_transaction
from dex.localnet.methods.rpc import Params, RpcError
from dex.localnet.network import Network
from dex.localnet.server import METHODS
from dex.localnet.store import Record
from dex.localnet.testing import land
from dex.types import Account

WALLET = Keypair.from_seed(bytes([7]) * 32)
OTHER = Keypair.from_seed(bytes([8]) * 32).pubkey()
SOL = 10**9
PROCESSED = {"commitment": "processed"}
CONFIRMED = {"commitment": "confirmed"}


class Methods:
    """Calls methods of the first node of a localnet whose slots stand still."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def call(self, name: str, *params: Any) -> Any:
        return METHODS[name](self.network.nodes[0], Params(list(params)))

    def refusal(self, name: str, *params: Any) -> dict[str, Any]:
        """Return the error object with which a call is refused."""
        with pytest.raises(RpcError) as caught:
            self.call(name, *params)
        return caught.value.as_json()

    def land(self, *instructions: Instruction, memo: str = "") -> Record:
        record = land(self.network.ledger, WALLET, *instructions, memo=memo)
        assert record is not None
        return record

    def signed(self, *instructions: Instruction, memo: str = "") -> str:
        """Return a signed transaction of the wallet in base64."""
        raw = sign_transaction(self.network.ledger, WALLET, instructions, memo)
        return base64.b64encode(raw).decode()

    def balance(self, address: Pubkey) -> int:
        found: int = self.call("getBalance", str(address), PROCESSED)["value"]
        return found

    def put(self, address: Pubkey, account: Account) -> None:
        self.network.ledger.put([(address, account)])

    @property
    def slot(self) -> int:
        return self.network.ledger.clock.slot()


def payment(lamports: int = SOL, to: Pubkey = OTHER) -> Instruction:
    """Return an instruction by which the wallet pays."""
    return transfer(
        TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=to, lamports=lamports)
    )


@pytest.fixture(scope="module")
def methods(tmp_path_factory) -> Iterator[Methods]:
    """Share one chain among the tests of a file: none relies on an untouched one."""
    network = Network.open(
        tmp_path_factory.mktemp("ledger"),
        slot_time_s=3600,
        control=True,
        fund=[WALLET.pubkey()],
    )
    yield Methods(network)
    network.ledger.close()
