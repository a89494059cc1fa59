"""Errors in the exact JSON shapes of real nodes, and the sentences nodes show for them."""

from __future__ import annotations

from typing import Any

INSTRUCTION_TEXT = {
    "AccountAlreadyInitialized": "instruction requires an uninitialized account",
    "AccountBorrowFailed": "instruction tries to borrow reference for an account which is already borrowed",
    "CallDepth": "Cross-program invocation call depth too deep",
    "ComputationalBudgetExceeded": "Computational budget exceeded",
    "ExternalAccountDataModified": "instruction modified data of an account it does not own",
    "ExternalAccountLamportSpend": "instruction spent from the balance of an account it does not own",
    "IllegalOwner": "Provided owner is not allowed",
    "Immutable": "Account is immutable",
    "IncorrectAuthority": "Incorrect authority provided",
    "IncorrectProgramId": "incorrect program id for instruction",
    "InsufficientFunds": "insufficient funds for instruction",
    "InvalidAccountData": "invalid account data for instruction",
    "InvalidAccountOwner": "Invalid account owner",
    "InvalidArgument": "invalid program argument",
    "InvalidInstructionData": "invalid instruction data",
    "InvalidSeeds": "Provided seeds do not result in a valid address",
    "MaxAccountsDataAllocationsExceeded": "Accounts data allocations exceeded the maximum allowed per transaction",
    "MaxInstructionTraceLengthExceeded": "Max instruction trace length exceeded",
    "MissingAccount": "An account required by the instruction is missing",
    "MissingRequiredSignature": "missing required signature for instruction",
    "ModifiedProgramId": "instruction illegally modified the program id of an account",
    "NotEnoughAccountKeys": "insufficient account keys for instruction",
    "PrivilegeEscalation": "Cross-program invocation with unauthorized signer or writable account",
    "ProgramFailedToComplete": "Program failed to complete",
    "ReadonlyDataModified": "instruction modified data of a read-only account",
    "ReadonlyLamportChange": "instruction changed the balance of a read-only account",
    "UninitializedAccount": "instruction requires an initialized account",
    "UnsupportedProgramId": "Unsupported program id",
}
TRANSACTION_TEXT = {
    "AccountLoadedTwice": "Account loaded twice",
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "AddressLookupTableNotFound": "Transaction loads an address table account that doesn't exist",
    "AlreadyProcessed": "This transaction has already been processed",
    "BlockhashNotFound": "Blockhash not found",
    "InsufficientFundsForFee": "Insufficient funds for fee",
    "InvalidAddressLookupTableData": "Transaction loads an address table account with invalid data",
    "InvalidAddressLookupTableIndex": "Transaction address table lookup uses an invalid index",
    "InvalidAddressLookupTableOwner": "Transaction loads an address table account with an invalid owner",
    "InvalidAccountForFee": "This account may not be used to pay transaction fees",
    "InvalidLoadedAccountsDataSizeLimit": "LoadedAccountsDataSizeLimit set for transaction must be greater than 0.",
    "InvalidProgramForExecution": "This program may not be used for executing instructions",
    "MaxLoadedAccountsDataSizeExceeded": "Transaction exceeded max loaded accounts data size cap",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
    "SanitizeFailure": "Transaction failed to sanitize accounts offsets correctly",
    "TooManyAccountLocks": "Transaction locked too many accounts",
    "UnsupportedVersion": "Transaction version is unsupported",
    "SignatureFailure": "Transaction did not pass signature verification",
}


class InstructionError(Exception):
    """A program refuses; `error` is a name or {"Custom": code}, as nodes show it.

    `text` is for the logs, where it is not the usual sentence.
    """

    def __init__(self, error: str | dict[str, int], text: str = "") -> None:
        super().__init__(text or instruction_text(error))
        self.error = error


def custom(code: int) -> InstructionError:
    return InstructionError({"Custom": code})


class TransactionError(Exception):
    """A transaction as a whole is refused; `error` is the JSON value nodes show."""

    def __init__(self, error: Any) -> None:
        super().__init__(transaction_text(error))
        self.error = error


def instruction_text(error: str | dict[str, int]) -> str:
    if isinstance(error, dict):
        return f"custom program error: {error['Custom']:#x}"
    return INSTRUCTION_TEXT.get(error, error)


def transaction_text(error: Any) -> str:
    """Return the sentence a node shows for a transaction's error."""
    if isinstance(error, str):
        return TRANSACTION_TEXT.get(error, error)
    name, detail = next(iter(error.items()))
    if name == "InstructionError":
        index, inner = detail
        return f"Error processing Instruction {index}: {instruction_text(inner)}"
    if name == "DuplicateInstruction":
        return f"Transaction contains a duplicate instruction ({detail}) that is not allowed"
    if name == "InsufficientFundsForRent":
        index = detail["account_index"]
        return f"Transaction results in an account ({index}) with insufficient funds for rent"
    return f"{name}: {detail}"
