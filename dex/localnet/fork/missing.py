"""What dumps leave out and programs cannot do without: made, or asked for by address."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.programs import token_layout as layout
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.localnet.programs.transfer_fee import account_extensions
from dex.solana.addresses import TOKEN_2022_PROGRAM
from dex.types import Account

from .dumps import BadDump, Dumps


@dataclass(frozen=True, slots=True)
class Made:
    """What no dump held; of a vault with what it holds, in base units of its mint."""

    what: str
    mint: Pubkey | None = None
    amount: int = 0


class Parts:
    """The accounts of forked pools, as they come together.

    `accounts` are those that localnet's own genesis has not.
    """

    def __init__(self, dumps: Dumps, born: Mapping[Pubkey, Account]) -> None:
        self.accounts = {
            address: account
            for address, account in dumps.accounts.items()
            if address not in born
        }
        self._made: list[Made] = []
        self._vault_amounts = dumps.vault_amounts
        self._born = born

    def get(self, address: Pubkey) -> Account | None:
        return self.accounts.get(address) or self._born.get(address)

    def require(self, address: Pubkey, what: str) -> Account:
        """Return an account that nothing else tells; BadDump names it to be dumped."""
        account = self.get(address)
        if account is None:
            raise BadDump(
                f"The {what} {address} is missing, and nothing else tells what it holds. "
                f"Add it: `solana account {address} --output json`."
            )
        return account

    def make(self, made: Made) -> None:
        self._made.append(made)

    def take_made(self) -> tuple[Made, ...]:
        """Return what was made since this was last asked."""
        made, self._made = tuple(self._made), []
        return made

    def mint(self, address: Pubkey, token_program: Pubkey, decimals: int) -> None:
        """Make a mint that is missing; of Token-2022 without any extension."""
        if self.get(address) is not None:
            return
        data = layout.new_mint(
            decimals=decimals, supply=0, authority=genesis.FAUCET.pubkey()
        )
        self.accounts[address] = genesis.with_rent(token_program, data)
        plain = ", without extensions" if token_program == TOKEN_2022_PROGRAM else ""
        self.make(Made(f"the mint {address} ({decimals} decimals{plain})"))

    def vault(self, address: Pubkey, mint: Pubkey, owner: Pubkey) -> int:
        """Return what a vault holds in base units; make it from `vault_amounts`."""
        found = self.get(address)
        if found is not None:
            if not layout.is_token_account(found.data):
                raise BadDump(f"The vault {address} is no token account.")
            return layout.amount_of(found.data)
        if address not in self._vault_amounts:
            raise BadDump(
                f"The vault {address} is missing. Add it: `solana account {address} "
                "--output json`, or what it holds under `vault_amounts`."
            )
        amount = self._vault_amounts[address]
        mint_account = self.require(mint, "mint")
        self.accounts[address] = token_account(mint, mint_account, owner, amount)
        self.make(Made(f"the vault {address}", mint, amount))
        return amount

    def state(self, address: Pubkey, owner: Pubkey, data: bytes, what: str) -> None:
        """Make a program's account that no quote reads, if it is missing."""
        if self.get(address) is None:
            rent = rent_exempt_minimum(len(data))
            self.accounts[address] = Account(owner, rent, data)
            self.make(Made(f"the {what} {address}"))

    def supplies(self, held: Mapping[Pubkey, int]) -> None:
        """Let every mint have issued at least what the vaults hold of it."""
        for mint, amount in held.items():
            account = self.accounts.get(mint)
            if account is None:
                continue  # genesis has it
            supply = max(int.from_bytes(account.data[36:44], "little"), amount)
            self.accounts[mint] = Account(
                account.owner, account.lamports, with_supply(account.data, supply)
            )


def with_supply(mint_data: bytes, supply: int) -> bytes:
    """Return a mint's bytes with another supply in base units."""
    return mint_data[:36] + supply.to_bytes(8, "little") + mint_data[44:]


def token_account(
    mint: Pubkey, account: Account, owner: Pubkey, amount: int
) -> Account:
    """Return a funded token account of a mint of either token program."""
    if account.owner != TOKEN_2022_PROGRAM:
        return genesis.token_account(mint, owner, amount)
    extensions = [(layout.IMMUTABLE_OWNER, b""), *account_extensions(account.data)]
    data = layout.new_token_account(mint, owner, amount) + bytes([layout.KIND_ACCOUNT])
    for kind, value in extensions:
        data += struct.pack("<HH", kind, len(value)) + value
    return genesis.with_rent(TOKEN_2022_PROGRAM, data)
