// What the scripts for Node share: the task from stdin, the report on stdout.
"use strict";

const fs = require("fs");
const { Keypair, PublicKey, TransactionInstruction } = require("@solana/web3.js");

const task = JSON.parse(fs.readFileSync(0, "utf8"));

/** Run `main(task, wallet)` and print what it returns; exit with 1 on any error. */
function run(main) {
  const wallet = Keypair.fromSecretKey(Uint8Array.from(task.wallet));
  main(task, wallet).then(
    (report) => fs.writeSync(1, JSON.stringify(report)) && process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

/** Build the instructions that the task describes. */
function instructionsOf(described) {
  return described.map(
    ({ programId, keys, data }) =>
      new TransactionInstruction({
        programId: new PublicKey(programId),
        keys: keys.map((key) => ({ ...key, pubkey: new PublicKey(key.pubkey) })),
        data: Buffer.from(data, "base64"),
      }),
  );
}

/** Resolve with what the callback is given first that satisfies `wanted`. */
function first(subscribe, wanted = () => true) {
  let id;
  const promise = new Promise((resolve) => {
    id = subscribe((...args) => wanted(...args) && resolve(args));
  });
  return { id, promise };
}

/** Resolve with the error of a promise that must be rejected. */
function failure(promise) {
  return promise.then(
    () => {
      throw new Error("This should have failed.");
    },
    (error) => error,
  );
}

module.exports = { run, instructionsOf, first, failure };
