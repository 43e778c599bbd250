// A seeded generator of what structured cloning can carry, as messages and parts of messages.

// mulberry32: small, and the same numbers for the same seed everywhere.
const randomOf = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const TYPES = ["AUTH.SSO", "AUTH.SSO", "AUTH.SSO", "BUS.REGISTER", "NO.SUCH", "BUS.CANCEL", "BUS.READY",
  "AUTH.SSO_FULFILLED", "X.Y_REJECTED", "auth.sso", "AUTH.SSO ", "__proto__", "constructor", "", "A.B", "A1_.B_2"];
const KEYS = ["code", "redirectUrl", "codeVerifier", "nonce", "id", "type", "payload", "__proto__", "constructor",
  "toString", "toJSON", "then", "length", "0", "", "\u0000", "\ud83d\ude00", "caf\u00e9"];
// No string here is a redirect URL that is accepted, so that no message is a valid sign-in.
const STRINGS = ["", "x", "https://app.example.com/#fragment", "javascript:alert(1)", "\ud800", "\u2028", "null", "[object Object]",
  "v".repeat(43), "x".repeat(129), "x".repeat(5000)];

export const isRequest = (value) =>
  value !== null &&
  typeof value === "object" &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.hasOwn(value, "type") &&
  typeof value.type === "string" &&
  value.type.length <= 64 &&
  /^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$/.test(value.type) &&
  !/_(FULFILLED|REJECTED)$/.test(value.type) &&
  !["BUS.LISTENING", "BUS.READY", "AUTH.TOKEN_REFRESHED", "AUTH.REFRESH_TOKEN_EXPIRED", "AUTH.SESSION_CHANGED", "BUS.CANCEL"].includes(value.type);

export const generator = (seed) => {
  const random = randomOf(seed);
  const pick = (of) => of[Math.floor(random() * of.length)];
  const times = (most, make) => Array.from({ length: Math.floor(random() * most) }, make);
  const object = (depth) => {
    const made = {};
    for (const key of times(5, () => pick(KEYS))) {
      // As own properties, the odd names included.
      Object.defineProperty(made, key, { value: value(depth - 1), enumerable: true, configurable: true, writable: true });
    }
    return made;
  };
  const value = (depth) => {
    const simple = [
      () => pick(STRINGS), () => random(), () => -0, () => NaN, () => Infinity, () => null, () => undefined,
      () => true, () => 2n ** 70n, () => new Date(random() * 1e12), () => /x/g, () => new Error("x"),
      () => new Uint8Array(4), () => new ArrayBuffer(4), () => new Boolean(false), () => new String("x"),
      () => new Blob(["x"]), () => new DataView(new ArrayBuffer(4)), () => [, 1],
    ];
    const nested = [
      () => object(depth), () => object(depth), () => times(4, () => value(depth - 1)),
      () => new Map(times(3, () => [pick(KEYS), value(depth - 1)])), () => new Set(times(3, () => value(depth - 1))),
      () => { const made = object(depth); made.self = made; return made; },
      () => { let made = pick(STRINGS); for (let n = 0; n < 70; n++) made = { made }; return made; },
    ];
    return depth > 0 && random() < 0.6 ? pick(nested)() : pick(simple)();
  };
  const payload = () => (random() < 0.5 ? { code: pick(STRINGS), redirectUrl: pick(STRINGS), ...object(2) } : value(3));
  return () => {
    if (random() < 0.25) return value(3);
    const message = { type: random() < 0.9 ? pick(TYPES) : value(1) };
    if (random() < 0.9) message.payload = payload();
    if (random() < 0.3) message.id = value(1);
    if (random() < 0.2) Object.defineProperties(message, Object.getOwnPropertyDescriptors(object(1)));
    return message;
  };
};
