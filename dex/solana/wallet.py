"""The signer: the only code that sees the key."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.errors import WalletError
from dex.halting import check_not_halted
from dex.types import SignedTransaction

MAX_FILE_BYTES = 4096


class Wallet:
    """Signs with one key. The key itself is never shown, logged, copied or pickled."""

    __slots__ = ("__keypair", "address")

    def __init__(self, keypair: Keypair) -> None:
        self.__keypair = keypair
        self.address: Pubkey = keypair.pubkey()

    @classmethod
    def load(cls, path: Path) -> Wallet:
        """Read a keypair file of the Solana CLI (64 numbers) that only its owner can read.

        Raises WalletError, saying what to do.
        """
        return cls(_read_keypair(path))

    def sign(
        self, message: MessageV0, last_valid_block_height: int
    ) -> SignedTransaction:
        """Sign a message of which this wallet is the only signer.

        Reads the database: TradingHalted while trading is halted. Raises WalletError
        when the message asks for another signer.
        """
        (signed,) = self.sign_all([(message, last_valid_block_height)])
        if isinstance(signed, WalletError):
            raise signed
        return signed

    def sign_all(
        self, messages: Iterable[tuple[MessageV0, int]]
    ) -> list[SignedTransaction | WalletError]:
        """Sign many, each with its last valid block height, after one look at the halt.

        A message that asks for another signer has its error in the answer. Raises
        TradingHalted.
        """
        check_not_halted()
        return [self._signed(message, height) for message, height in messages]

    def _signed(
        self, message: MessageV0, last_valid_block_height: int
    ) -> SignedTransaction | WalletError:
        if (
            message.header.num_required_signatures != 1
            or message.account_keys[0] != self.address
        ):
            return WalletError("The message asks for another signer than the wallet.")
        signature = self.__keypair.sign_message(to_bytes_versioned(message))
        signed = VersionedTransaction.populate(message, [signature])
        return SignedTransaction(
            signature=str(signature),
            raw=bytes(signed),
            blockhash=str(message.recent_blockhash),
            last_valid_block_height=last_valid_block_height,
        )

    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet is not pickled or copied")


def create_wallet(path: Path) -> Wallet:
    """Write a new keypair to `path` with mode 0600, unless a file is there; load it.

    The file appears whole or not at all, also when two processes do this at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates with mode 0600.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(list(bytes(Keypair())), file)
            file.flush()
            os.fsync(file.fileno())
        # When a file is there already, that one is the wallet.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    return Wallet.load(path)


def _read_keypair(path: Path) -> Keypair:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise WalletError(f"{path} is not a file. Set WALLET_KEYPAIR to one.")
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise WalletError(
                    f"Others may read or write the keypair file {path}. "
                    f"Run: chmod 600 {path}"
                )
            content = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise WalletError(
            f"The keypair file {path} cannot be read ({error.strerror}). Set "
            "WALLET_KEYPAIR to a keypair file of the Solana CLI."
        ) from error
    try:
        numbers = json.loads(content)
        if not isinstance(numbers, list) or len(numbers) != 64:
            raise ValueError
        return Keypair.from_bytes(bytes(numbers))
    except (ValueError, TypeError, RecursionError):
        # `from None`: the original error may hold the secret.
        raise WalletError(
            f"{path} is not a keypair file of the Solana CLI: a JSON list of 64 numbers."
        ) from None
