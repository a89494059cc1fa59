"""What programs call the numbers of their own errors.

A name is the variant of the program's error enum; its number is its position there.
Sources, in this order: solana-program/system, token, token-2022 and
associated-token-account (interface/src/error.rs), coral-xyz/anchor
(ts/packages/anchor-errors), raydium-io/raydium-cp-swap (programs/cp-swap/src/error.rs),
MeteoraAg/dlmm-sdk (idls/dlmm.json 0.12.0).
"""

from __future__ import annotations

from collections.abc import Mapping

# Anchor gives the errors of the program itself the numbers from here on.
ANCHOR_OFFSET = 6000


def _numbered(names: str, first: int = 0) -> dict[int, str]:
    return dict(enumerate(names.split(), first))


SYSTEM = _numbered(
    """AccountAlreadyInUse ResultWithNegativeLamports InvalidProgramId
    InvalidAccountDataLength MaxSeedLengthExceeded AddressWithSeedMismatch
    NonceNoRecentBlockhashes NonceBlockhashNotExpired NonceUnexpectedBlockhashValue"""
)

TOKEN = _numbered(
    """NotRentExempt InsufficientFunds InvalidMint MintMismatch OwnerMismatch
    FixedSupply AlreadyInUse InvalidNumberOfProvidedSigners
    InvalidNumberOfRequiredSigners UninitializedState
    NativeNotSupported NonNativeHasBalance InvalidInstruction InvalidState Overflow
    AuthorityTypeNotSupported MintCannotFreeze AccountFrozen MintDecimalsMismatch
    NonNativeNotSupported"""
)

# The first twenty are those of the older program.
TOKEN_2022 = TOKEN | _numbered(
    """ExtensionTypeMismatch ExtensionBaseMismatch ExtensionAlreadyInitialized
    ConfidentialTransferAccountHasBalance ConfidentialTransferAccountNotApproved
    ConfidentialTransferDepositsAndTransfersDisabled
    ConfidentialTransferElGamalPubkeyMismatch ConfidentialTransferBalanceMismatch
    MintHasSupply NoAuthorityExists
    TransferFeeExceedsMaximum MintRequiredForTransfer FeeMismatch FeeParametersMismatch
    ImmutableOwner AccountHasWithheldTransferFees NoMemo NonTransferable
    NonTransferableNeedsImmutableOwnership MaximumPendingBalanceCreditCounterExceeded
    MaximumDepositAmountExceeded CpiGuardSettingsLocked CpiGuardTransferBlocked
    CpiGuardBurnBlocked CpiGuardCloseAccountBlocked
    CpiGuardApproveBlocked CpiGuardSetAuthorityBlocked CpiGuardOwnerChangeBlocked
    ExtensionNotFound NonConfidentialTransfersDisabled
    ConfidentialTransferFeeAccountHasWithheldFee InvalidExtensionCombination
    InvalidLengthForAlloc AccountDecryption ProofGeneration
    InvalidProofInstructionOffset HarvestToMintDisabled
    SplitProofContextStateAccountsNotSupported NotEnoughProofContextStateAccounts
    MalformedCiphertext
    CiphertextArithmeticFailed PedersenCommitmentMismatch RangeProofLengthMismatch
    IllegalBitLength FeeCalculation
    IllegalMintBurnConversion InvalidScale MintPaused PendingBalanceNonZero""",
    len(TOKEN),
)

ASSOCIATED_TOKEN = _numbered("InvalidOwner")

ANCHOR = (
    _numbered(
        """InstructionMissing InstructionFallbackNotFound InstructionDidNotDeserialize
        InstructionDidNotSerialize""",
        100,
    )
    | _numbered(
        "IdlInstructionStub IdlInstructionInvalidProgram IdlAccountNotEmpty", 1000
    )
    | _numbered("EventInstructionStub", 1500)
    | _numbered(
        """ConstraintMut ConstraintHasOne ConstraintSigner ConstraintRaw ConstraintOwner
        ConstraintRentExempt ConstraintSeeds ConstraintExecutable ConstraintState
        ConstraintAssociated ConstraintAssociatedInit ConstraintClose ConstraintAddress
        ConstraintZero ConstraintTokenMint ConstraintTokenOwner
        ConstraintMintMintAuthority ConstraintMintFreezeAuthority ConstraintMintDecimals
        ConstraintSpace ConstraintAccountIsNone ConstraintTokenTokenProgram
        ConstraintMintTokenProgram ConstraintAssociatedTokenTokenProgram""",
        2000,
    )
    | _numbered(
        """RequireViolated RequireEqViolated RequireKeysEqViolated RequireNeqViolated
        RequireKeysNeqViolated RequireGtViolated RequireGteViolated""",
        2500,
    )
    | _numbered(
        """AccountDiscriminatorAlreadySet AccountDiscriminatorNotFound
        AccountDiscriminatorMismatch AccountDidNotDeserialize AccountDidNotSerialize
        AccountNotEnoughKeys AccountNotMutable AccountOwnedByWrongProgram
        InvalidProgramId InvalidProgramExecutable AccountNotSigner AccountNotSystemOwned
        AccountNotInitialized AccountNotProgramData AccountNotAssociatedTokenAccount
        AccountSysvarMismatch AccountReallocExceedsLimit AccountDuplicateReallocs""",
        3000,
    )
    | _numbered("StateInvalidAddress", 4000)
    | _numbered("DeclaredProgramIdMismatch TryingToInitPayerAsProgramAccount", 4100)
    | _numbered("Deprecated", 5000)
)

RAYDIUM = ANCHOR | _numbered(
    """NotApproved InvalidOwner EmptySupply InvalidInput IncorrectLpMint ExceededSlippage
    ZeroTradingTokens NotSupportMint InvalidVault InitLpAmountTooLess
    TransferFeeCalculateNotMatch MathOverflow InsufficientVault InvalidFeeModel
    NoFeeCollect LamportsCalculateError""",
    ANCHOR_OFFSET,
)

METEORA = ANCHOR | _numbered(
    """InvalidStartBinIndex InvalidBinId InvalidInput ExceededAmountSlippageTolerance
    ExceededBinSlippageTolerance CompositionFactorFlawed NonPresetBinStep ZeroLiquidity
    InvalidPosition BinArrayNotFound
    InvalidTokenMint InvalidAccountForSingleDeposit PairInsufficientLiquidity
    InvalidFeeOwner InvalidFeeWithdrawAmount InvalidAdmin IdenticalFeeOwner InvalidBps
    MathOverflow TypeCastFailed
    InvalidRewardIndex InvalidRewardDuration RewardInitialized RewardUninitialized
    IdenticalFunder RewardCampaignInProgress IdenticalRewardDuration InvalidBinArray
    NonContinuousBinArrays InvalidRewardVault
    NonEmptyPosition UnauthorizedAccess InvalidFeeParameter MissingOracle
    InsufficientSample InvalidLookupTimestamp BitmapExtensionAccountIsNotProvided
    CannotFindNonZeroLiquidityBinArrayId BinIdOutOfBound InsufficientOutAmount
    InvalidPositionWidth ExcessiveFeeUpdate PoolDisabled InvalidPoolType
    ExceedMaxWhitelist InvalidIndex RewardNotEnded MustWithdrawnIneligibleReward
    UnauthorizedAddress OperatorsAreTheSame
    WithdrawToWrongTokenAccount WrongRentReceiver AlreadyPassActivationPoint
    ExceedMaxSwappedAmount InvalidStrategyParameters LiquidityLocked BinRangeIsNotEmpty
    NotExactAmountOut InvalidActivationType InvalidActivationDuration
    MissingTokenAmountAsTokenLaunchProof InvalidQuoteToken InvalidBinStep InvalidBaseFee
    InvalidPreActivationDuration AlreadyPassPreActivationSwapPoint InvalidStatus
    ExceededMaxOracleLength InvalidMinimumLiquidity NotSupportMint
    UnsupportedMintExtension UnsupportNativeMintToken2022 UnmatchTokenMint
    UnsupportedTokenMint InsufficientRemainingAccounts InvalidRemainingAccountSlice
    DuplicatedRemainingAccountTypes MissingRemainingAccountForTransferHook
    NoTransferHookProgram ZeroFundedAmount
    InvalidSide InvalidResizeLength NotSupportAtTheMoment InvalidRebalanceParameters
    InvalidRewardAccounts UndeterminedError ReallocExceedMaxLengthPerInstruction
    InvalidBaseFeeMantissa InvalidPositionOwner InvalidPoolAddress
    InvalidTokenBadgeType InvalidTransferHookAuthority AmountXIsNegative
    AmountYIsNegative InvalidPoolCreator InvalidFunctionType InvalidPermission
    IncorrectATA InvalidWithdrawProtocolFeeZapAccounts MintRestrictedFromZap
    CpiDisabled MissingZapOutInstruction InvalidZapAccounts InvalidZapOutParameters
    InsufficientInAmount InvalidPlaceLimitOrderParameters InvalidLimitOrderOwner
    InvalidCancelLimitOrderParameters CannotFindLimitOrderByBinId
    CancelNonEmptyLimitOrder
    InvalidCollectFeeMode""",
    ANCHOR_OFFSET,
)

NAMES: Mapping[str, Mapping[int, str]] = {
    "system": SYSTEM,
    "token": TOKEN,
    "token_2022": TOKEN_2022,
    "associated_token": ASSOCIATED_TOKEN,
    "raydium": RAYDIUM,
    "meteora": METEORA,
}
