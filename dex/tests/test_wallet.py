from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import stat
import threading
import traceback
from pathlib import Path

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from dex.chain import meet_chain
from dex.errors import TradingHalted, WalletError
from dex.halting import halt_trading
from dex.solana.addresses import MEMO_PROGRAM
from dex.solana.wallet import Wallet, create_wallet

KEYPAIR = Keypair.from_seed(bytes(range(32)))


def write(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


@pytest.fixture
def keypair_file(tmp_path: Path) -> Path:
    return write(tmp_path / "wallet.json", json.dumps(list(bytes(KEYPAIR))))


def memo_message(payer: Pubkey, memo: bytes = b"order:1") -> MessageV0:
    instructions = [Instruction(MEMO_PROGRAM, memo, [])]
    return MessageV0.try_compile(payer, instructions, [], Hash.new_unique())


def test_a_keypair_file_of_the_solana_cli_is_read(keypair_file: Path):
    assert Wallet.load(keypair_file).address == KEYPAIR.pubkey()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o610])
def test_a_file_that_others_may_touch_is_refused_with_the_command(
    keypair_file: Path, mode: int
):
    keypair_file.chmod(mode)

    with pytest.raises(WalletError, match=f"chmod 600 {keypair_file}"):
        Wallet.load(keypair_file)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_the_owner_alone_is_accepted(keypair_file: Path, mode: int):
    keypair_file.chmod(mode)

    assert Wallet.load(keypair_file).address == KEYPAIR.pubkey()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1, 2, 3]",
        json.dumps([1] * 64),  # the public half does not belong to the secret half
        json.dumps([256] * 64),
        json.dumps(["x"] * 64),
        "[" * 4000,
        str(bytes(KEYPAIR).hex()),
    ],
)
def test_what_is_no_keypair_is_refused_without_showing_it(tmp_path: Path, content: str):
    path = write(tmp_path / "wallet.json", content)

    with pytest.raises(WalletError, match="64 numbers") as caught:
        Wallet.load(path)

    shown = "".join(traceback.format_exception(caught.value))
    assert content == "" or content not in shown
    assert caught.value.__cause__ is None


def test_a_missing_file_says_which_setting_to_use(tmp_path: Path):
    with pytest.raises(WalletError, match="WALLET_KEYPAIR"):
        Wallet.load(tmp_path / "none.json")


def test_a_folder_is_no_wallet(tmp_path: Path):
    with pytest.raises(WalletError):
        Wallet.load(tmp_path)


def test_nothing_that_prints_a_wallet_shows_the_secret(
    keypair_file: Path, caplog: pytest.LogCaptureFixture
):
    wallet = Wallet.load(keypair_file)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").warning("%s %r", wallet, wallet)

    shown = f"{wallet} {wallet!r} {[wallet]} {caplog.text}"

    assert str(KEYPAIR.pubkey()) in shown
    assert str(KEYPAIR) not in shown
    assert bytes(KEYPAIR)[:32].hex() not in shown


def test_a_wallet_is_neither_pickled_nor_copied(keypair_file: Path):
    wallet = Wallet.load(keypair_file)

    for take_out in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            take_out(wallet)
    with pytest.raises(TypeError):
        vars(wallet)


@pytest.mark.django_db
def test_a_signature_is_valid_and_bound_to_the_message(keypair_file: Path):
    wallet = Wallet.load(keypair_file)
    message = memo_message(wallet.address)

    signed = wallet.sign(message, 777)

    decoded = VersionedTransaction.from_bytes(signed.raw)
    assert decoded.verify_with_results() == [True]
    assert decoded.message == message
    assert signed.signature == str(decoded.signatures[0])
    assert signed.blockhash == str(message.recent_blockhash)
    assert signed.last_valid_block_height == 777


@pytest.mark.django_db
def test_another_attempt_of_an_order_has_another_signature(keypair_file: Path):
    wallet = Wallet.load(keypair_file)
    blockhash = Hash.new_unique()
    messages = [
        MessageV0.try_compile(
            wallet.address, [Instruction(MEMO_PROGRAM, memo, [])], [], blockhash
        )
        for memo in (b"order:1", b"order:2", b"order:1")
    ]

    first, second, first_again = (wallet.sign(message, 1) for message in messages)

    assert first.signature != second.signature
    assert first == first_again


@pytest.mark.django_db
def test_nothing_is_signed_while_trading_is_halted(keypair_file: Path):
    wallet = Wallet.load(keypair_file)
    meet_chain(genesis_hash="G", is_localnet=True, wallet="W", newest_signature="")
    halt_trading("stop")

    with pytest.raises(TradingHalted):
        wallet.sign(memo_message(wallet.address), 1)


@pytest.mark.django_db
def test_a_message_for_another_signer_is_refused(keypair_file: Path):
    wallet = Wallet.load(keypair_file)
    stranger = Keypair().pubkey()
    both = MessageV0.try_compile(
        wallet.address,
        [Instruction(MEMO_PROGRAM, b"", [AccountMeta(stranger, True, False)])],
        [],
        Hash.default(),
    )
    pays_for_us = MessageV0.try_compile(
        stranger,
        [
            transfer(
                TransferParams(
                    from_pubkey=stranger, to_pubkey=wallet.address, lamports=1
                )
            )
        ],
        [],
        Hash.default(),
    )

    for message in (both, pays_for_us):
        with pytest.raises(WalletError, match="another signer"):
            wallet.sign(message, 1)


def test_a_created_wallet_is_kept_private_and_found_again(tmp_path: Path):
    path = tmp_path / "var" / "wallet.json"
    mask = os.umask(0)
    try:
        created = create_wallet(path)
    finally:
        os.umask(mask)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Wallet.load(path).address == created.address
    assert create_wallet(path).address == created.address
    assert [entry.name for entry in path.parent.iterdir()] == ["wallet.json"]


def test_wallets_created_at_once_are_one(tmp_path: Path):
    path = tmp_path / "wallet.json"
    addresses: list[Pubkey] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        addresses.append(create_wallet(path).address)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(addresses) == 8
    assert len(set(addresses)) == 1
