// The session module: who is signed in, as long as this page lives, and requests with the user's token.
//
//   import { embed } from "./client.js";
//   import { openSession } from "./session.js";
//   const session = openSession({ bus: embed({ src }), appName: "CRM", release: "1", origins: ["https://api.example.com"] });
//   session.on("change", ({ after, reason }) => show(after.user, reason));
//   const response = await session.fetch("https://api.example.com/orders");
//
// The bus keeps the session, refreshes it and follows other tabs. This module mirrors what the bus tells this
// page. The bus needs [bus.session] in its settings. All times are milliseconds.

/** @import {BusError as Failure} from "./client.js" */
/** @import {Session, SessionOptions, SessionReason, SessionState} from "./session.js" */
import { BusError } from "./client.js";

const SOON = 3000; // how long a restored session waits for its company if the tokens must be refreshed first
const FRESH = 600_000; // the longest validity that a request may ask for; the bus takes half of a token's life if that is less
const SAFE = /^(https:|http:\/\/(([^:]*\.)?localhost|127(\.\d+){3}|\[::1\])(:|$))/;

/**
 * Opens the session: registers this page at the bus, restores a stored session, and follows every change.
 * `bus`: the object that `embed` returned. `appName`, `release`: for the bus's debug lines. `origins`: the
 * origins that `fetch` may send the user's token to. `signin`: the module signin.js, for sign-ins at a provider;
 * if this page's address holds an answer, it is taken at once.
 * Returns {state, user, company, error, snapshot, ready, on, credentials, fetch, signIn, signOut, close}.
 * Throws TypeError for an origin that may not get a token.
 * @param {SessionOptions} options
 * @returns {Session}
 */
export function openSession({ bus, appName, release, origins = [], signin }) {
  const allowed = new Set(origins.map(checkedOrigin));
  const listeners = new Set(); // of {callback}
  const asked = new Map(); // validity -> the answer that callers with this validity share
  /** @type {SessionState} */
  let now = Object.freeze({ state: "restoring", user: null, company: null, error: null });
  let token; // the latest token that this page has got
  let turn = 0; // counts changes, so that an answer from before a change is ignored
  let busy = true; // whether this page is being registered at the bus
  let closed = false;
  let kept; // the credentials of a sign-in, if the bus keeps no session

  // ---- what is known ---------------------------------------------------------------------------

  /** @type {(reason: SessionReason, before?: SessionState) => void} */
  const tell = (reason, before = now) => {
    for (const { callback } of [...listeners])
      try {
        callback({ before, after: now, reason });
      } catch (error) {
        queueMicrotask(() => {
          throw error; // the host's own error, which stops nothing here
        });
      }
  };
  /** @type {(reason: SessionReason, state: SessionState["state"], got?: any, error?: Failure | null) => void} */
  const set = (reason, state, { currentUser: user = null, company = null } = {}, error = null) => {
    const before = now;
    const after = { state, user, company, error };
    if (closed || same(before, after)) return;
    now = Object.freeze(after);
    tell(reason, before);
  };
  // Reports a token that differs from the latest one. The first token is no change.
  const learn = (credentials) => {
    const last = token;
    token = tokenOf(credentials);
    if (last && last !== token) tell("refreshed");
  };
  const begin = () => {
    asked.clear();
    token = null;
    return ++turn;
  };
  const enter = (got) => {
    begin();
    token = tokenOf(got.credentials);
    if (now.state === "unsupported") kept = got.credentials;
    set("signed-in", kept ? "unsupported" : "signed-in", got, now.error);
    return got;
  };
  /** @type {(reason: SessionReason) => void} */
  const leave = (reason) => {
    begin();
    kept = null;
    if (now.state === "unsupported") set(reason, now.state, {}, now.error);
    else set(reason, "signed-out");
  };
  // Reports a user when the company is known too, or after SOON at the latest.
  /** @type {(reason: SessionReason, user: any, mine: number, error?: any) => Promise<void>} */
  const meet = async (reason, user, mine, error) => {
    let got = { currentUser: user };
    try {
      if (user) got = await bus.request("AUTH.CREDENTIALS", { minValiditySeconds: 0 }, { timeout: SOON });
    } catch ({ code }) {
      if (code === "NO_SESSION") user = null; // the session has ended meanwhile
    }
    if (mine !== turn) return;
    if (user && got.credentials) learn(got.credentials);
    set(reason, user ? "signed-in" : "signed-out", user ? got : {}, error);
  };
  /** @type {(user: any, gone: SessionReason) => SessionReason} */
  const why = (user, gone) => (!now.user ? "other-tab" : user ? "other-user" : gone);

  // ---- the bus ---------------------------------------------------------------------------------

  // `back`: the result of a sign-in by redirect that ends on this page; `failed`: the error with which it ended.
  /** @type {(back?: any, failed?: any) => Promise<void>} */
  const start = async (back, failed = null) => {
    busy = true;
    const mine = ++turn;
    const first = now.state === "restoring" || now.error;
    try {
      const [found] = await Promise.all([
        bus.request("BUS.REGISTER", { origin: globalThis.origin ?? "", appName, release }),
        bus.request("BUS.INIT", { services: ["AUTH"] }),
      ]);
      busy = false;
      const user = found?.user;
      const reason = back ? "signed-in" : first ? "restored" : why(user, "expired");
      if (mine === turn) await meet(reason, user, mine, failed);
    } catch (error) {
      busy = false;
      if (closed) return;
      if (/^(BUS_RELOADED|PAGE_HIDDEN)$/.test(error.code)) return start(back, failed);
      if (mine !== turn) return;
      if (error.code !== "UNKNOWN_TYPE") {
        const known = { currentUser: now.user, company: now.company };
        return set("restored", now.state === "restoring" ? "signed-out" : now.state, known, error);
      }
      const message = "This bus keeps no session: its settings have no [bus.session].";
      const { error: fault, meta } = error;
      set("restored", "unsupported", {}, new BusError(error.code, message, { error: fault, meta, sent: true }));
      if (back) enter(back);
    }
  };
  const open = async () => {
    let back;
    let failed;
    try {
      back = await signin?.finishSignIn({ bus });
    } catch (error) {
      failed = error;
    }
    if (!closed) await start(back, failed);
    return now;
  };

  const offs = [
    bus.on("AUTH.TOKEN_REFRESHED", learn),
    bus.on("AUTH.REFRESH_TOKEN_EXPIRED", () => leave("expired")),
    bus.on("AUTH.SESSION_CHANGED", ({ user }) => void meet(why(user, "other-tab"), user, begin())),
    // A new document in the frame does not know this page.
    bus.on("BUS.LISTENING", () => busy || start()),
    bus.on("BUS.READY", () => busy || !now.error || start()),
  ];
  const ready = open();

  // ---- what the host calls -----------------------------------------------------------------------

  /** @type {Session["credentials"]} */
  const credentials = async ({ minValidity } = {}) => {
    if (kept) return kept;
    const mine = turn;
    const payload = minValidity === undefined ? {} : { minValiditySeconds: minValidity / 1000 };
    const answer = asked.get(minValidity) ?? bus.request("AUTH.CREDENTIALS", payload);
    asked.set(minValidity, answer);
    try {
      const got = await answer;
      if (mine === turn) {
        // If it is another user, a push will report that.
        if (same(got.currentUser, now.user)) learn(got.credentials);
        if (now.state === "signed-out") set("signed-in", "signed-in", got);
        if (now.state === "signed-in" && !now.company) set("restored", "signed-in", got);
      }
      return got.credentials;
    } catch (error) {
      if (now.state === "unsupported") throw now.error;
      // A push with the reason may be on its way.
      if (error.code === "NO_SESSION" && now.user) setTimeout(() => mine === turn && leave("expired"));
      throw error;
    } finally {
      if (asked.get(minValidity) === answer) asked.delete(minValidity);
    }
  };

  /** @type {Session["fetch"]} */
  const authorizedFetch = async (input, init) => {
    const request = new Request(input, init);
    if (!allowed.has(new URL(request.url).origin)) return fetch(request);
    // Not every browser removes the token when a redirect leads to another origin.
    const redirect = request.redirect === "manual" ? "manual" : "error";
    const send = (found) => {
      const copy = new Request(request.clone(), { redirect });
      copy.headers.set("Authorization", `Bearer ${tokenOf(found)}`);
      return fetch(copy);
    };
    const first = await credentials();
    const response = await send(first);
    if (response.status !== 401) return response;
    const second = await credentials({ minValidity: FRESH }).catch(() => first);
    return tokenOf(second) === tokenOf(first) ? response : send(second);
  };

  /** @type {any} */
  const signIn = async (options) => {
    const type = "email" in options ? "AUTH.EMAIL_AND_PASSWORD" : "code" in options && "AUTH.SSO";
    if (!type && !signin) throw new TypeError("A sign-in at a provider needs signin.js: give it as signin.");
    const got = await (type ? bus.request(type, options) : signin?.startSignIn({ ...options, bus }));
    await ready;
    return enter(got);
  };

  /** @type {Session["signOut"]} */
  const signOut = async ({ everywhere = false } = {}) => {
    const { logoutUrl } = now.state === "unsupported" ? {} : await bus.request("AUTH.SIGN_OUT");
    leave("signed-out");
    if (everywhere && logoutUrl) location.assign(logoutUrl);
    return logoutUrl;
  };

  return {
    get state() {
      return now.state;
    },
    get user() {
      return now.user;
    },
    get company() {
      return now.company;
    },
    get error() {
      return now.error;
    },
    snapshot: () => now,
    ready,
    on(_type, callback) {
      const listener = { callback };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    credentials,
    fetch: authorizedFetch,
    signIn,
    signOut,
    close() {
      closed = true;
      listeners.clear();
      for (const off of offs) off();
    },
  };
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// The token for APIs: the access token if the bus gives one, otherwise the ID token or the legacy token.
/** @type {(credentials: any) => string} */
const tokenOf = ({ accessToken, idToken, legacy_token }) => accessToken ?? idToken ?? legacy_token;

// Accepts only origins whose traffic nobody on the network can read or change.
function checkedOrigin(given) {
  const { origin } = new URL(given);
  if (origin !== given || !SAFE.test(origin))
    throw new TypeError(`${given} cannot get a token: give an origin such as https://api.example.com.`);
  return origin;
}
