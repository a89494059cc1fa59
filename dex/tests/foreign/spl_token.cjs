// @solana/spl-token: mints, token accounts, transfers, wrapped SOL.
"use strict";

const web3 = require("@solana/web3.js");
const token = require("@solana/spl-token");
const { run, instructionsOf, first, failure } = require("./client.cjs");

const SOL = web3.LAMPORTS_PER_SOL;
const DECIMALS = 6;

run(async (task, wallet) => {
  const connection = new web3.Connection(task.url, "confirmed");
  const mint = await token.createMint(
    connection, wallet, wallet.publicKey, null, DECIMALS);
  const accounts = await openAccounts(connection, wallet, mint);
  return {
    swap: await swap(connection, wallet, task),
    accounts: accounts.report,
    moves: await move(connection, wallet, mint, accounts),
    wrapped: await wrap(connection, wallet),
    errors: await fail(connection, wallet, mint, accounts),
    closed: await close(connection, wallet, mint, accounts),
  };
});

async function swap(connection, wallet, task) {
  const { instructions, accountOut } = task.swaps[1];
  const address = new web3.PublicKey(accountOut);
  const before = await token.getAccount(connection, address);
  const transaction = new web3.Transaction().add(...instructionsOf(instructions));
  await web3.sendAndConfirmTransaction(connection, transaction, [wallet]);
  const after = await token.getAccount(connection, address);
  return String(after.amount - before.amount);
}

async function openAccounts(connection, wallet, mint) {
  const owner = web3.Keypair.generate();
  const drop = await connection.requestAirdrop(owner.publicKey, SOL);
  const latest = await connection.getLatestBlockhash();
  await connection.confirmTransaction({ signature: drop, ...latest });
  const associated = await token.getOrCreateAssociatedTokenAccount(
    connection, wallet, mint, wallet.publicKey);
  const again = await token.getOrCreateAssociatedTokenAccount(
    connection, wallet, mint, wallet.publicKey);
  const byHand = await token.createAccount(
    connection, wallet, mint, owner.publicKey, web3.Keypair.generate());
  const held = await token.getAccount(connection, byHand);
  return {
    owner,
    associated: associated.address,
    byHand,
    report: {
      isAssociated: associated.address.equals(
        token.getAssociatedTokenAddressSync(mint, wallet.publicKey)),
      isFoundAgain: again.address.equals(associated.address),
      handMadeIsOwned: held.owner.equals(owner.publicKey) && held.mint.equals(mint),
      handMadeIsEmpty: String(held.amount),
    },
  };
}

async function move(connection, wallet, mint, { owner, associated, byHand }) {
  const changed = first((tell) => connection.onAccountChange(byHand, tell, "confirmed"));
  const slot = first((tell) => connection.onSlotChange(tell));
  await slot.promise;
  await connection.removeSlotChangeListener(slot.id);
  await token.mintTo(connection, wallet, mint, associated, wallet, 5_000_000n);
  const sent = await token.transfer(
    connection, wallet, associated, byHand, wallet, 1_500_000n);
  const [seen] = await changed.promise;
  await connection.removeAccountChangeListener(changed.id);
  await token.transferChecked(
    connection, wallet, byHand, mint, associated, owner, 500_000n, DECIMALS);
  const parsed = await connection.getParsedTransaction(sent);
  const [instruction] = parsed.transaction.message.instructions;
  const { value: owned } = await connection.getTokenAccountsByOwner(
    owner.publicKey, { mint });
  return {
    supply: String((await token.getMint(connection, mint)).supply),
    associated: String((await token.getAccount(connection, associated)).amount),
    byHand: (await connection.getTokenAccountBalance(byHand)).value.uiAmountString,
    seen: String(token.unpackAccount(byHand, seen).amount),
    program: instruction.program,
    type: instruction.parsed.type,
    amount: instruction.parsed.info.amount,
    balances: parsed.meta.postTokenBalances
      .map(({ uiTokenAmount }) => uiTokenAmount.uiAmountString).sort(),
    ofOwner: owned.map(({ pubkey }) => pubkey.equals(byHand)),
  };
}

async function wrap(connection, wallet) {
  const owner = web3.Keypair.generate();
  const drop = await connection.requestAirdrop(owner.publicKey, 3 * SOL);
  const latest = await connection.getLatestBlockhash();
  await connection.confirmTransaction({ signature: drop, ...latest });
  const wrapped = await token.createWrappedNativeAccount(
    connection, owner, owner.publicKey, SOL);
  const transaction = new web3.Transaction().add(
    web3.SystemProgram.transfer({
      fromPubkey: owner.publicKey, toPubkey: wrapped, lamports: SOL / 2 }));
  await web3.sendAndConfirmTransaction(connection, transaction, [owner]);
  const before = await token.getAccount(connection, wrapped);
  await token.syncNative(connection, owner, wrapped);
  const after = await token.getAccount(connection, wrapped);
  await token.closeAccount(connection, owner, wrapped, owner.publicKey, owner);
  return {
    isNative: after.isNative,
    before: String(before.amount),
    after: String(after.amount),
    unwrapped: await connection.getBalance(owner.publicKey),
  };
}

async function fail(connection, wallet, mint, { associated, byHand }) {
  const tooMuch = await failure(token.transfer(
    connection, wallet, associated, byHand, wallet, 10n ** 12n));
  const wrongDecimals = await failure(token.transferChecked(
    connection, wallet, associated, mint, byHand, wallet, 1n, DECIMALS + 1));
  const nobody = await failure(token.getAccount(
    connection, web3.Keypair.generate().publicKey));
  const closing = new web3.Transaction().add(token.createCloseAccountInstruction(
    associated, wallet.publicKey, wallet.publicKey));
  const sent = await connection.sendTransaction(closing, [wallet], { skipPreflight: true });
  const [{ err: landedWith }] = await first((tell) =>
    connection.onSignature(sent, tell, "confirmed")).promise;
  return {
    tooMuch: tooMuch.transactionMessage,
    tooMuchLog: tooMuch.logs.filter((line) => line.includes("Error:")),
    wrongDecimals: wrongDecimals.transactionMessage,
    nobody: nobody.constructor.name,
    landedWith,
  };
}

async function close(connection, wallet, mint, { owner, byHand }) {
  const before = await connection.getBalance(wallet.publicKey);
  const left = (await token.getAccount(connection, byHand)).amount;
  await token.transferChecked(
    connection, wallet, byHand, mint,
    token.getAssociatedTokenAddressSync(mint, wallet.publicKey), owner, left, DECIMALS);
  const rent = (await connection.getAccountInfo(byHand)).lamports;
  await token.closeAccount(connection, wallet, byHand, wallet.publicKey, owner);
  return {
    // Two fees for two signers each.
    refunded: (await connection.getBalance(wallet.publicKey)) - before === rent - 20_000,
    isGone: (await connection.getAccountInfo(byHand)) === null,
  };
}
