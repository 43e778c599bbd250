// Makes, keeps and uses the keys of sessions whose tokens are bound to a key (DPoP, RFC 9449). Only early.js
// loads this file, if the settings have `dpop`; its methods are added to those of session.mjs.
//
// The private part of a key never leaves the browser's WebCrypto: nothing can export it, and IndexedDB stores
// it as it is. The keys have a database of their own, so that a bus without `dpop` makes none.
import { storage } from "./session.mjs";

const DATABASE = "sso-bus-keys";
const STORE = "keys"; // key: the host's origin, a space, the session's generation; value: {pair, at}
const LEFT_MS = 3_600_000; // a key that is older does not belong to a sign-in under way
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

// Makes the methods; each returns a promise, which is rejected if it fails.
export function open({ indexedDB }) {
  const transact = storage(indexedDB, DATABASE, STORE);
  const bytesOf = (text) => new TextEncoder().encode(text);
  const sign = (pair, text) => crypto.subtle.sign(ES256, pair.privateKey, bytesOf(text));

  const findKey = (origin, generation) =>
    transact("readonly", (store, is) => {
      store.get(`${origin} ${generation}`).onsuccess = ({ target }) => is(target.result?.pair);
    });

  // `left`: also deletes keys that ended sessions have left.
  const eraseKey = (origin, generation, left) =>
    transact("readwrite", (store) => {
      store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
        if (!cursor) return;
        const [owner, name] = cursor.key.split(" ");
        const old = left && Date.now() - cursor.value.at > LEFT_MS;
        if (owner === origin && (name === generation || old)) cursor.delete();
        cursor.continue();
      };
    });

  return {
    makeKey: async () => crypto.subtle.generateKey(ES256, false, ["sign", "verify"]),

    // Returns the public part, with the members that a proof needs, as JSON.
    publicKey: async ({ publicKey }) => {
      const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
      return JSON.stringify({ kty, crv, x, y });
    },

    sign: async (pair, text) => base64url(await sign(pair, text)),

    // Resolves to whether the store keeps the key. Some engines throw, some silently store nothing, and some
    // give back a key that cannot sign.
    keepKey: async (origin, generation, pair) => {
      const at = Date.now();
      await transact("readwrite", (store) => store.put({ pair, at }, `${origin} ${generation}`));
      try {
        const signature = await sign(await findKey(origin, generation), generation);
        if (await crypto.subtle.verify(ES256, pair.publicKey, signature, bytesOf(generation))) return true;
      } catch {}
      await eraseKey(origin, generation, false);
      return false;
    },

    findKey,

    eraseKey,

    eraseKeys: (origin) =>
      transact("readwrite", (store) => {
        store.getAllKeys().onsuccess = ({ target }) => {
          for (const key of target.result) if (key.startsWith(`${origin} `)) store.delete(key);
        };
      }),
  };
}
