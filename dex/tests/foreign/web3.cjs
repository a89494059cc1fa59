// @solana/web3.js 1: the chain, two swaps, subscriptions, errors, lookup tables.
"use strict";

const web3 = require("@solana/web3.js");
const { run, instructionsOf, first, failure } = require("./client.cjs");

const SOL = web3.LAMPORTS_PER_SOL;

run(async (task, wallet) => {
  const connection = new web3.Connection(task.url, "confirmed");
  return {
    swaps: await swap(connection, wallet, task),
    chain: await readChain(connection, wallet),
    payments: await pay(connection, wallet, task),
    subscriptions: await subscribe(connection, wallet, task),
    errors: await fail(connection, wallet),
    lookupTable: await useLookupTable(connection, wallet),
  };
});

async function swap(connection, wallet, task) {
  const [byMessage, byInstructions] = task.swaps;
  const message = web3.VersionedMessage.deserialize(
    Buffer.from(byMessage.message, "base64"),
  );
  const versioned = new web3.VersionedTransaction(message);
  versioned.sign([wallet]);
  const paid = [await paidBy(connection, byMessage, async () => {
    const latest = await connection.getLatestBlockhash();
    const signature = await connection.sendTransaction(versioned);
    const status = await connection.confirmTransaction({ signature, ...latest });
    if (status.value.err) throw new Error(JSON.stringify(status.value.err));
    return signature;
  })];
  const legacy = new web3.Transaction().add(...instructionsOf(byInstructions.instructions));
  paid.push(await paidBy(connection, byInstructions, () =>
    web3.sendAndConfirmTransaction(connection, legacy, [wallet])));
  return paid;
}

async function paidBy(connection, { accountOut }, send) {
  const address = new web3.PublicKey(accountOut);
  const before = await connection.getTokenAccountBalance(address);
  const signature = await send();
  const after = await connection.getTokenAccountBalance(address);
  const parsed = await connection.getParsedTransaction(signature, {
    maxSupportedTransactionVersion: 0,
  });
  const tokens = (balances) =>
    BigInt(balances.find(({ accountIndex }) =>
      parsed.transaction.message.accountKeys[accountIndex].pubkey.equals(address),
    ).uiTokenAmount.amount);
  return {
    received: String(BigInt(after.value.amount) - BigInt(before.value.amount)),
    receivedInMeta: String(
      tokens(parsed.meta.postTokenBalances) - tokens(parsed.meta.preTokenBalances)),
    error: parsed.meta.err,
    version: parsed.version,
    fee: parsed.meta.fee,
    innerTransfers: parsed.meta.innerInstructions
      .flatMap(({ instructions }) => instructions)
      .filter(({ parsed: inner }) => inner?.type === "transferChecked").length,
  };
}

async function readChain(connection, wallet) {
  const latest = await connection.getLatestBlockhash();
  const version = await connection.getVersion();
  const epoch = await connection.getEpochInfo();
  const message = new web3.TransactionMessage({
    payerKey: wallet.publicKey,
    recentBlockhash: latest.blockhash,
    instructions: [],
  }).compileToV0Message();
  return {
    core: version["solana-core"],
    hasGenesis: (await connection.getGenesisHash()).length > 40,
    knowsBlockhash: (await connection.isBlockhashValid(latest.blockhash)).value,
    heightBehindSlot: epoch.absoluteSlot - epoch.blockHeight,
    rent: await connection.getMinimumBalanceForRentExemption(165),
    fee: (await connection.getFeeForMessage(message)).value,
    priorityFees: (await connection.getRecentPrioritizationFees()).length > 0,
    finalIsBehind: (await connection.getSlot("finalized")) < (await connection.getSlot()),
  };
}

async function pay(connection, wallet, task) {
  const other = web3.Keypair.generate().publicKey;
  const drop = await connection.requestAirdrop(other, 2 * SOL);
  const latest = await connection.getLatestBlockhash();
  await connection.confirmTransaction({ signature: drop, ...latest });
  const transaction = new web3.Transaction().add(
    web3.SystemProgram.transfer({ fromPubkey: wallet.publicKey, toPubkey: other, lamports: SOL }),
    ...instructionsOf([task.memo]),
  );
  const signature = await web3.sendAndConfirmTransaction(connection, transaction, [wallet]);
  const listed = await connection.getSignaturesForAddress(other, {}, "confirmed");
  const parsed = await connection.getParsedTransaction(signature);
  const { value: status } = await connection.getSignatureStatus(signature);
  const owned = await connection.getParsedTokenAccountsByOwner(
    wallet.publicKey, { programId: new web3.PublicKey(task.tokenProgram) });
  const versions = { maxSupportedTransactionVersion: 0 };
  const together = await connection.getParsedTransactions([signature, drop], versions);
  const block = await connection.getBlock(parsed.slot, versions);
  const filters = [
    { dataSize: 165 }, { memcmp: { offset: 32, bytes: wallet.publicKey.toBase58() } }];
  const found = await connection.getParsedProgramAccounts(
    new web3.PublicKey(task.tokenProgram), { filters });
  return {
    balance: (await connection.getBalance(other)) / SOL,
    newestFirst: listed.map((entry) => entry.signature === signature),
    memo: listed[0].memo,
    airdropIsConfirmed: ["confirmed", "finalized"].includes(listed[1].confirmationStatus),
    error: status.err,
    parsed: parsed.transaction.message.instructions.map(
      (instruction) => instruction.parsed?.type ?? instruction.parsed),
    lamports: parsed.transaction.message.instructions[0].parsed.info.lamports,
    blockTimeIsNow: Math.abs(parsed.blockTime - Date.now() / 1000) < 30,
    tokens: owned.value.length,
    tokensByFilter: found.length,
    batch: together.map(({ meta }) => meta.err),
    isInBlock: block.transactions.some(
      ({ transaction }) => transaction.signatures[0] === signature),
  };
}

async function subscribe(connection, wallet, task) {
  const target = web3.Keypair.generate().publicKey;
  const account = first((tell) => connection.onAccountChange(target, tell, "confirmed"));
  const program = first(
    (tell) => connection.onProgramAccountChange(
      web3.SystemProgram.programId, tell,
      { commitment: "confirmed", filters: [{ dataSize: 0 }] }),
    ({ accountId }) => accountId.equals(target));
  const logs = first((tell) => connection.onLogs(target, tell, "processed"));
  const slot = first((tell) => connection.onSlotChange(tell));
  const root = first((tell) => connection.onRootChange(tell));
  const update = first((tell) => connection.onSlotUpdate(tell));
  // The first slot shows that the server knows of everything before it.
  const [{ parent, slot: newest }] = await slot.promise;
  const signature = await connection.requestAirdrop(target, 3 * SOL);
  const landed = first((tell) => connection.onSignature(signature, tell, "confirmed"));
  const [[changed], [{ accountInfo }], [said], [ended], [final], [step]] = await Promise.all(
    [account, program, logs, landed, root, update].map(({ promise }) => promise));
  await connection.removeAccountChangeListener(account.id);
  await connection.removeProgramAccountChangeListener(program.id);
  await connection.removeOnLogsListener(logs.id);
  await connection.removeSlotChangeListener(slot.id);
  await connection.removeRootChangeListener(root.id);
  await connection.removeSlotUpdateListener(update.id);
  return {
    parent: newest - parent,
    account: changed.lamports / SOL,
    program: accountInfo.lamports / SOL,
    logs: said.signature === signature && said.logs.length > 0 && said.err === null,
    signature: ended.err,
    rootIsBehind: final < newest,
    stepIsTimed: Math.abs(step.timestamp - Date.now()) < 30_000,
  };
}

async function fail(connection, wallet) {
  const poor = web3.Keypair.generate();
  const tooMuch = () => new web3.Transaction().add(
    web3.SystemProgram.transfer({
      fromPubkey: wallet.publicKey, toPubkey: poor.publicKey, lamports: 1e15 }));
  const refused = await failure(connection.sendTransaction(tooMuch(), [wallet]));
  const landed = await connection.sendTransaction(tooMuch(), [wallet], { skipPreflight: true });
  // Not `confirmTransaction`: one of its two sources does not wait for the commitment.
  const [{ err: landedWith }] = await first((tell) =>
    connection.onSignature(landed, tell, "confirmed")).promise;
  const { meta } = await connection.getTransaction(landed, { maxSupportedTransactionVersion: 0 });
  const stale = tooMuch();
  stale.recentBlockhash = web3.Keypair.generate().publicKey.toBase58();
  stale.feePayer = wallet.publicKey;
  stale.sign(wallet);
  const unknownBlockhash = await failure(connection.sendRawTransaction(stale.serialize()));
  const latest = await connection.getLatestBlockhash();
  const expired = await failure(connection.confirmTransaction({
    signature: "1".repeat(64),
    blockhash: latest.blockhash,
    lastValidBlockHeight: (await connection.getBlockHeight()) - 1,
  }));
  const simulated = await connection.simulateTransaction(tooMuch(), [wallet]);
  return {
    refused: refused.constructor.name,
    refusal: refused.transactionMessage,
    lastLog: refused.logs.at(-1),
    landedWith,
    chargedFee: meta.preBalances[0] - meta.postBalances[0],
    unknownBlockhash: unknownBlockhash.transactionMessage,
    expired: expired.constructor.name,
    simulated: simulated.value.err,
  };
}

async function useLookupTable(connection, wallet) {
  const target = web3.Keypair.generate().publicKey;
  const send = async (instructions, tables = []) => {
    const latest = await connection.getLatestBlockhash();
    const message = new web3.TransactionMessage({
      payerKey: wallet.publicKey, recentBlockhash: latest.blockhash, instructions,
    }).compileToV0Message(tables);
    const transaction = new web3.VersionedTransaction(message);
    transaction.sign([wallet]);
    const signature = await connection.sendTransaction(transaction);
    const { value } = await connection.confirmTransaction({ signature, ...latest });
    if (value.err) throw new Error(JSON.stringify(value.err));
    return connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  };
  const [create, address] = web3.AddressLookupTableProgram.createLookupTable({
    authority: wallet.publicKey,
    payer: wallet.publicKey,
    recentSlot: await connection.getSlot("finalized"),
  });
  const extend = web3.AddressLookupTableProgram.extendLookupTable({
    payer: wallet.publicKey, authority: wallet.publicKey, lookupTable: address,
    addresses: [target],
  });
  const extended = await send([create, extend]);
  // Its addresses can be used from the slot after the one they were added in.
  while ((await connection.getSlot()) <= extended.slot) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { value: table } = await connection.getAddressLookupTable(address);
  const payment = web3.SystemProgram.transfer({
    fromPubkey: wallet.publicKey, toPubkey: target, lamports: SOL });
  const { meta, transaction } = await send([payment], [table]);
  return {
    addresses: table.state.addresses.map((key) => key.equals(target)),
    paid: (await connection.getBalance(target)) / SOL,
    loaded: meta.loadedAddresses.writable.map((key) => key.equals(target)),
    lookups: transaction.message.addressTableLookups.map(
      ({ accountKey, writableIndexes }) => [accountKey.equals(address), writableIndexes]),
  };
}
