// The demo's provider, which the tests tell what to do, a line of JSON at a time, each answered by one:
// {"rotate": true} replaces all keys; {"advance": seconds} moves its clock, 0 sets it right again;
// {"nonce": true} wants a nonce in DPoP proofs from now on, and false no more.
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

import { serve } from "../../../host/demo/oidc_provider.mjs";

const clock = Date.now;
let ahead = 0;
Date.now = () => clock() + ahead;

let nonce = false;
const dPoP = { nonceSecret: randomBytes(32), requireNonce: () => nonce };

const { issuer, rotate } = await serve({ ...JSON.parse(process.argv[2]), dPoP });
console.log(JSON.stringify({ issuer }));
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.rotate) rotate();
  if ("nonce" in order) nonce = order.nonce;
  if ("advance" in order) ahead = order.advance * 1000;
  console.log("{}");
}
process.exit();
