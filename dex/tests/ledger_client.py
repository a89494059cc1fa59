"""A wallet on a ledger whose slot stands still, for tests of localnet without HTTP."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from dex.localnet.market import sign_transaction
from dex.localnet.network import Network
from dex.localnet.runtime import load

WALLET = Keypair.from_seed(bytes([7]) * 32)
OTHER = Keypair.from_seed(bytes([8]) * 32).pubkey()
SOL = 10**9


def open_network(folder, **options) -> Network:
    return Network.open(folder, slot_time_s=3600, fund=[WALLET.pubkey()], **options)


def pay(lamports: int, to: Pubkey = OTHER) -> Instruction:
    return transfer(
        TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=to, lamports=lamports)
    )


def lamports(network: Network, address: Pubkey) -> int:
    account = network.ledger.account(address)
    return 0 if account is None else account.lamports


def signed(network: Network, *instructions: Instruction, memo: str = "") -> bytes:
    return sign_transaction(network.ledger, WALLET, instructions, memo)


def land_raw(network: Network, raw: bytes):
    """Land these bytes; return the record, None when they could not land."""
    loaded = load(raw)
    network.ledger.land(raw, loaded)
    return network.ledger.store.history.transaction(loaded.signature)
