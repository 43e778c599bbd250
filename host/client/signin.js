// Sign-in helpers: the authorization code flow with PKCE (RFC 6749, RFC 7636), by redirect or popup.
//
//   import { startSignIn, finishSignIn } from "./signin.js";
//   button.onclick = () => startSignIn({ bus, redirectUrl });   // leaves the page
//   const session = await finishSignIn({ bus });             // on the page at redirectUrl; elsewhere null
//
// A sign-in by redirect keeps its state, verifier and nonce in this tab's session storage, a sign-in by
// popup in this page's memory. They are deleted when the answer is taken. All times are milliseconds.

/** @import {Bus, BusError as Failure, SignedIn} from "./client.js" */
/** @import {FinishOptions, PopupOptions, SignInOptions} from "./signin.js" */
import { BusError, DEFAULT_TIMEOUT } from "./client.js";

const JOURNEY = "sso-bus.journey"; // session storage: this tab's sign-in by redirect, while it is under way
const USED = "sso-bus.used"; // session storage: the first characters of each state whose answer this tab has taken
const KEY = 20; // how many of a state's 43 characters are kept: enough to recognise it, too few to forge it
const MOST = 16; // how many states are kept
const WAITING = "sso-bus.waiting"; // property of a window that waits for popups: the functions that take their answers
const LOOK = 50; // how often that window checks its popup
const BACK = 500; // how long a popup may be back at this origin without an answer
const HANDED = 5000; // how long a popup that has handed over its answer waits to be closed
const LONG = 2 ** 31 - 1; // the longest time limit that timers accept, 24 days
const UNSENT = 600_000; // how long a code that was not sent can still be sent (RFC 6749, 4.1.2: the longest life of a code)
const OLD = 3_600_000; // an answer that comes later than this is refused
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
// The parameters of an answer (RFC 6749, 4.1.2; RFC 9207): three of an error, three others, and then those
// that some providers add.
const ANSWER =
  "error error_description error_uri code state iss error_subcode session_state scope authuser prompt hd client_info".split(
    " ",
  );
// The parts of an address: everything before the query, the query, the start of the fragment, and the
// parameters in the fragment, as in #code=…, #/code=… and #/callback?code=….
/** @type {{exec: (address: string) => any}} */
const PARTS = /^([^?#]*\??)([^#]*)((?:#(?:[^?=&]*\?|\/)?)?)(.*)$/s;

/**
 * Begins a sign-in at the identity provider. Call it in a click handler.
 * `redirectUrl`: a page of this origin, as registered at the provider; `authorizeUrl`: the
 * authorization endpoint; `clientId`; `scope`; `nonce`: true for OpenID Connect; `params`: further
 * parameters, of which undefined ones are left out; `issuer`: the value that `iss` in the answer must
 * have, for providers that send it (RFC 9207).
 * If `bus` is given and `authorizeUrl` or `clientId` is not, it waits for BUS.READY and takes missing
 * options from there. It rejects with MISCONFIGURED if that bus does not know them, or as `bus.ready` does.
 * By redirect, the browser leaves the page; the promise rejects with ABORTED if the user comes back
 * without an answer. With `popup: true` and `bus`, it opens a window instead, and returns the promise of
 * `bus.request("AUTH.SSO", …, {timeout, signal})`. This also rejects with POPUP_BLOCKED, POPUP_CLOSED,
 * NO_ANSWER, and the codes of `finishSignIn`. `features`: the window's features (HTML, window.open).
 * Throws TypeError for invalid options.
 * @param {SignInOptions & Partial<Omit<PopupOptions, "popup">> & {popup?: boolean}} options
 * @returns {Promise<any>}
 */
export function startSignIn({
  popup = false,
  bus,
  timeout,
  signal,
  features = "popup,width=480,height=640",
  ...options
}) {
  const journey = newJourney(options, bus);
  if (!popup) return leave(journey, options, bus);
  if (!bus) throw new TypeError("A sign-in by popup needs the bus.");
  const limit = limitOf(timeout ?? bus.timeout);
  const tab = opened(features); // now: a browser allows it in the click alone
  if (!tab) return Promise.reject(new BusError("POPUP_BLOCKED", "The browser blocked the sign-in window."));
  return inPopup(tab, journey, options, bus, signal).then((payload) =>
    bus.request("AUTH.SSO", payload, { timeout: limit, signal }),
  );
}

/**
 * Takes the provider's answer from this page's address, cleans the address bar, checks the answer
 * and sends AUTH.SSO. Resolves to the bus's payload. If the address holds no answer to a sign-in that
 * this tab began, it resolves to null, and leaves the address as it is.
 * Rejects with a BusError: STATE_MISMATCH (the answer to another sign-in at the redirect URL, or the
 * right answer at another page), ISSUER_MISMATCH, PROVIDER_ERROR (`error`: {error, error_description?,
 * error_uri?}), or the errors of `bus.request`. Rejects with a TypeError for invalid options.
 * A second call during the exchange joins it, as with effects that run twice; each caller has its own
 * `timeout` and `signal`. If a code was not sent, the next call sends it, through its own bus. In a popup,
 * it gives the answer to the page that waits for it, and that page closes the popup.
 * @param {FinishOptions} options
 * @returns {Promise<SignedIn | null>}
 */
export async function finishSignIn({ bus, timeout, signal }) {
  const limit = limitOf(timeout ?? bus?.timeout);
  wash(); // removes answers that were taken before
  const key = handedOver();
  if (key) {
    forget(key);
    await pause(HANDED);
    return null; // the page that opened this popup finishes the sign-in
  }
  const journey = stored(JOURNEY);
  const answer = journey?.redirectUrl && answerTo(journey, location.href);
  if (!answer && !(underWay && Date.now() < underWay.until)) return null;
  if (!bus) throw new TypeError("finishSignIn needs the bus.");
  if (answer) underWay = taken(journey, answer);
  return join(underWay, bus, limit, signal);
}

// ---- one exchange for all callers ---------------------------------------------------------------

/** @type {{until: number, payload?: any, failure?: Failure, exchange?: any} | null} */
let underWay = null; // the sign-in whose answer was taken: {payload or failure, until, exchange}

function taken(journey, answer) {
  const own = answer.state === journey.state;
  if (own) sessionStorage.removeItem(JOURNEY); // an answer is accepted once; a foreign one leaves the sign-in pending
  forget(answer.key, own);
  /** @type {NonNullable<typeof underWay>} */
  const sign = { until: Date.now() + UNSENT };
  try {
    sign.payload = checked(journey, answer);
  } catch (error) {
    sign.failure = error; // for all callers in this task, as with effects that run twice
    queueMicrotask(() => end(sign));
  }
  return sign;
}

const end = (sign) => {
  if (underWay === sign) underWay = null;
};

async function join(sign, bus, limit, signal) {
  if (sign.failure) throw sign.failure;
  const until = Date.now() + limit;
  for (;;) {
    const exchange = (sign.exchange ??= newExchange(sign, bus));
    try {
      return await share(exchange, limit, until, signal);
    } catch (error) {
      // Nothing was sent, and neither this caller nor its bus caused that: this caller tries next.
      const others = exchange.bus !== bus || exchange.control.signal.aborted;
      if (error.sent !== false || !others || signal?.aborted || Date.now() >= until) throw error;
    }
  }
}

function newExchange(sign, bus) {
  const exchange = { bus, callers: 0, control: new AbortController() };
  const { signal } = exchange.control;
  const send = async () => {
    await null; // a component that mounts, cleans up and mounts again in one task sends nothing before the last mount
    if (!exchange.callers) exchange.control.abort();
    try {
      const payload = await bus.request("AUTH.SSO", sign.payload, { timeout: LONG, signal });
      end(sign);
      return payload;
    } catch (error) {
      if (error.sent === false) sign.exchange = null;
      else end(sign); // the code may be used up
      throw error;
    }
  };
  exchange.answer = send();
  return exchange;
}

// One caller's share of an exchange, which is cancelled when the last caller gives up.
function share(exchange, limit, until, signal) {
  exchange.callers++;
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const leave = (code, message, cause) => {
      stop();
      exchange.callers--;
      queueMicrotask(() => {
        const gone = ({ sent }) => reject(new BusError(code, message, { cause, sent }));
        if (exchange.callers) return gone({ sent: true }); // another caller may have sent the code
        exchange.control.abort();
        exchange.answer.then(resolve, gone);
      });
    };
    const onAbort = () => leave("ABORTED", "The sign-in was aborted.", signal.reason);
    const timer = setTimeout(() => leave("TIMEOUT", `No answer within ${limit} ms.`), until - Date.now());
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    else exchange.answer.finally(stop).then(resolve, reject);
  });
}

/** @param {number} timeout */
function limitOf(timeout = DEFAULT_TIMEOUT) {
  if (!(typeof timeout === "number" && timeout >= 0)) throw new TypeError("timeout must be a number of milliseconds.");
  return Math.min(timeout, LONG);
}

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

// ---- the journey ------------------------------------------------------------------------------

/** @type {(options: SignInOptions, bus?: Bus) => any} */
function newJourney({ authorizeUrl, clientId, redirectUrl }, bus) {
  if (authorizeUrl) addressOf("authorizeUrl", authorizeUrl);
  if (!bus && !(authorizeUrl && clientId))
    throw new TypeError("authorizeUrl and clientId are missing: give them, or a bus that knows them.");
  const redirect = addressOf("redirectUrl", redirectUrl, location.href);
  if (redirect.origin !== location.origin)
    throw new TypeError(`redirectUrl must be a page of this origin, ${location.origin}.`);
  // A string stays character for character as it was given, because that is what was registered.
  const exact =
    typeof redirectUrl === "string" && redirectUrl.startsWith(location.origin) ? redirectUrl : redirect.href;
  if (!/^[!-[\]-~]{1,2048}$/.test(exact))
    throw new TypeError("redirectUrl must be at most 2,048 ASCII characters, without spaces and backslashes.");
  const taken = ANSWER.find((name) => redirect.searchParams.has(name));
  if (taken) throw new TypeError(`redirectUrl must not have the parameter ${taken}, which answers have.`);
  if (!crypto.subtle) throw new TypeError("A sign-in needs https: (or localhost).");
  return {
    state: random(),
    verifier: random(),
    began: Date.now(),
    redirectUrl: exact,
  };
}

// Returns the address as a URL. Throws TypeError if it is unsafe for a sign-in's secrets (RFC 6749, 3.1 and 3.1.2).
function addressOf(name, given, base) {
  const url = new URL(given, base);
  const safe = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (!safe || /#|^\w+:\/\/[^/]*@/.test(url.href))
    throw new TypeError(`${name} must be https: (or http: on a loopback host), without "#" and user info.`);
  return url;
}

// Adds the options that the host left out, from BUS.READY, as far as the build of the bus could find them out.
/** @type {(options: SignInOptions, bus: any) => Promise<any>} */
async function complete(options, bus) {
  if (options.authorizeUrl && options.clientId) return options;
  const { authorization } = await bus.ready;
  if (!authorization)
    throw new BusError(
      "MISCONFIGURED",
      "This bus does not say where a sign-in begins: give authorizeUrl and clientId.",
      { evidence: ["BUS.READY has no authorization"] },
    );
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value || value === false));
  const params = { ...authorization.params, ...options.params };
  return { nonce: true, ...authorization, ...(given.issuer && { issRequired: true }), ...given, params };
}

// Returns the address where the sign-in begins, and notes in `journey` what its answer must have.
async function begin(journey, options, bus) {
  const { authorizeUrl, clientId, scope, params, nonce, issuer, issRequired } = await complete(options, bus);
  const url = addressOf("authorizeUrl", authorizeUrl);
  journey.elsewhere = url.origin !== location.origin;
  journey.issuer = issuer;
  journey.lax = issRequired === false;
  if (nonce) journey.nonce = random();
  const { state, verifier, redirectUrl } = journey;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const challenge = { code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256" };
  const own = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUrl,
    scope,
    state,
    nonce: journey.nonce,
    ...challenge,
  };
  for (const [name, value] of [...Object.entries(params ?? {}), ...Object.entries(own)]) {
    if (value == null) continue;
    url.searchParams.delete(name);
    for (const each of [value].flat()) url.searchParams.append(name, each);
  }
  url.search = `${url.searchParams}`.replaceAll("+", "%20"); // some providers do not read + as a space
  return url.href;
}

async function leave(journey, options, bus) {
  const url = await begin(journey, options, bus);
  try {
    sessionStorage.setItem(JOURNEY, JSON.stringify(journey));
  } catch (cause) {
    throw new BusError(
      "MISCONFIGURED",
      "The browser refuses this page session storage, which a sign-in by redirect needs: use a popup.",
      { evidence: [cause.message], cause },
    );
  }
  underWay = null; // the user wants a new sign-in
  return new Promise((_, reject) => {
    const back = ({ persisted }) => {
      if (!persisted) return;
      removeEventListener("pageshow", back);
      reject(new BusError("ABORTED", "The user came back from the sign-in without an answer."));
    };
    addEventListener("pageshow", back);
    location.assign(url);
  });
}

// Returns a value from this tab's session storage, or null, also if storage is refused.
function stored(name) {
  try {
    return JSON.parse(/** @type {string} */ (sessionStorage.getItem(name)));
  } catch {
    return null;
  }
}

// ---- the popup --------------------------------------------------------------------------------

// Returns a new window, or null. In a frame sandboxed without popups, Firefox throws and other browsers return null.
function opened(features) {
  try {
    return open("about:blank", "_blank", features);
  } catch {
    return null;
  }
}

async function inPopup(tab, journey, options, bus, signal) {
  /** @type {Answer | null | undefined} */
  let answer = null;
  /** @type {any} */
  let wake;
  const woken = new Promise((resolve) => (wake = resolve)); // because timers are slow in a hidden page
  // finishSignIn calls it in the popup, before the popup's page can navigate on; no listener can overhear it.
  const take = (popup, address) => {
    if (popup !== tab) return null;
    answer ??= answerTo(journey, address);
    if (!answer) return null;
    wake();
    return answer.key;
  };
  const waiting = (window[WAITING] ??= new Set());
  waiting.add(take);
  signal?.addEventListener("abort", wake);
  // Meanwhile, the user may close the window, and the host may give up.
  const begun = begin(journey, options, bus).then((url) => {
    tab.location.replace(url);
    return new Promise(() => {});
  });
  begun.catch(() => {});
  try {
    for (let since = Infinity; ; ) {
      const seen = answerOf(tab, journey);
      answer ??= seen;
      if (answer) return checked(journey, answer);
      if (signal?.aborted) throw new BusError("ABORTED", "The sign-in was aborted.", { cause: signal.reason });
      if (tab.closed) throw new BusError("POPUP_CLOSED", "The sign-in window was closed.");
      since = seen === null ? Math.min(since, Date.now()) : Infinity;
      if (Date.now() > since + BACK)
        throw new BusError(
          "NO_ANSWER",
          "The sign-in window came back without an answer: the page at redirectUrl must call finishSignIn first.",
        );
      await Promise.race([begun, woken, pause(LOOK)]);
    }
  } finally {
    waiting.delete(take);
    signal?.removeEventListener("abort", wake);
    tab.close();
  }
}

// Returns the answer that a popup has come back with; null if it is back without one, undefined if it is not back yet.
function answerOf(tab, journey) {
  try {
    const { href, origin } = tab.location; // throws while it is at another origin
    if (origin !== location.origin) return undefined; // about:blank
    // If the popup's page has navigated on, the referrer of the next page usually still has the answer.
    const answer = answerTo(journey, href) ?? answerTo(journey, tab.document.referrer || href);
    return answer ?? (journey.elsewhere || isAt(journey, href) ? null : undefined);
  } catch {
    return undefined;
  }
}

// Gives the answer to the page that opened this one, if that page waits for it. Returns the answer's key, or null.
function handedOver() {
  try {
    for (const take of opener[WAITING]) {
      const key = take(window, location.href);
      if (key) return key;
    }
  } catch {} // there is no opener, it has another origin, or it does not wait
  return null;
}

// ---- the answer -------------------------------------------------------------------------------

/**
 * The answer to a sign-in in an address's query or fragment (RFC 6749, 4.1.2), or null. It has the
 * sign-in's state; or it is at the redirect URL of a sign-in under way, with another state, or as an error
 * without state, which some providers send.
 * @typedef {{code?: string, state?: string, iss?: string, refusal: any, here?: boolean, key: string, twice?: boolean}} Answer
 * @returns {Answer | null}
 */
function answerTo(journey, address) {
  const [, , query, , fragment] = PARTS.exec(address);
  for (const text of [query, fragment]) {
    const params = new URLSearchParams(text);
    const answer = { refusal: {}, here: isAt(journey, address), key: keyOf(text) };
    ANSWER.forEach((name, index) => {
      const [value, ...more] = params.getAll(name);
      if (value) (index < 3 ? answer.refusal : answer)[name] = value;
      if (more.length) answer.twice = true;
    });
    const whole = answer.refusal.error || (answer.code && answer.state);
    if (whole && (answer.state === journey.state || (answer.here && !isOld(journey)))) return answer;
  }
  return null;
}

// Whether an address is the sign-in's redirect URL, apart from what the provider has added (RFC 9700, 4.4.2).
function isAt({ redirectUrl }, address) {
  const [wanted, url] = [new URL(redirectUrl), new URL(address)];
  const values = ({ searchParams }, name) => JSON.stringify(searchParams.getAll(name));
  const same = (name) => values(wanted, name) === values(url, name);
  return (
    wanted.origin === url.origin && wanted.pathname === url.pathname && [...wanted.searchParams.keys()].every(same)
  );
}

const isOld = ({ began }) => Date.now() > began + OLD;

// Returns the payload of AUTH.SSO. Somebody else's answer must not sign this user in (RFC 6749, 10.12).
/** @type {(journey: any, answer: Answer) => any} */
function checked(journey, { state, code, iss, refusal, here, twice }) {
  // No parameter may occur twice (RFC 6749, 3.1).
  if (!here || twice || isOld(journey) || (state && state !== journey.state))
    throw new BusError(
      "STATE_MISMATCH",
      here
        ? "The answer does not belong to a sign-in that this tab began."
        : "The answer came to another page than redirectUrl.",
    );
  if (journey.issuer !== undefined && iss !== journey.issuer && (iss || (state && !journey.lax)))
    throw new BusError(
      "ISSUER_MISMATCH",
      `The answer's issuer (iss) is ${iss ? JSON.stringify(iss.slice(0, 256)) : "missing"}, not ${JSON.stringify(journey.issuer)}.`,
    );
  if (refusal.error)
    throw new BusError("PROVIDER_ERROR", "The identity provider refused the sign-in; see error.", { error: refusal });
  const { redirectUrl, verifier: codeVerifier, nonce } = journey;
  return { code, redirectUrl, codeVerifier, ...(nonce && { nonce }) };
}

// ---- keeping the address clean ------------------------------------------------------------------

let guarded = false;
/** @type {any} */
let used = null; // the keys of the answers that were taken; for this tab's own sign-ins, the first characters

// The key of an answer: its state, or the whole text if it has none.
const keyOf = (text) => new URLSearchParams(text).get("state") || text;

const isUsed = (text) => [keyOf(text), keyOf(text).slice(0, KEY)].some((key) => used.includes(key));

// Removes an answer from the address bar, and keeps it out. If it was `own`, later pages of this tab remember it too.
function forget(key, own) {
  used.push(own ? key.slice(0, KEY) : key);
  try {
    if (own) sessionStorage.setItem(USED, JSON.stringify([...(stored(USED) ?? []), key.slice(0, KEY)].slice(-MOST)));
  } catch {} // storage is refused: only this page remembers
  wash();
}

function wash() {
  used ??= [stored(USED) ?? []].flat();
  if (used.length && !guarded) guard();
  try {
    const clean = washed(location.href);
    if (clean !== location.href) history.replaceState(washedState(history.state), "", clean);
  } catch {} // browsers limit how often a page may call this; a sign-in must not fail because of it
}

// Routers keep the address that a page began with, and write it back when they start or much later.
function guard() {
  guarded = true;
  for (const name of ["pushState", "replaceState"]) {
    const plain = history[name];
    /** @this {any} @param {any[]} args */
    const clean = function (...args) {
      try {
        const { href } = new URL(args[2] || location.href, document.baseURI);
        if (washed(href) !== href) args[2] = washed(href);
      } catch {} // the browser reports what is wrong with the arguments
      if (args.length) args[0] = washedState(args[0]);
      return plain.apply(this, args);
    };
    try {
      history[name] = clean;
    } catch {} // another script has frozen it: the events below still work
  }
  for (const type of ["popstate", "hashchange"]) addEventListener(type, wash, true);
  globalThis.navigation?.addEventListener("currententrychange", wash);
}

function washed(address) {
  const [, ...parts] = PARTS.exec(address);
  for (const at of [1, 3]) {
    if (!isUsed(parts[at])) continue;
    const stays = (pair) => !ANSWER.includes([...new URLSearchParams(pair).keys()][0]);
    parts[at] = parts[at].split("&").filter(stays).join("&");
    if (!parts[at]) parts[at - 1] = parts[at - 1].replace(/[?#]$/, "");
  }
  return parts.join("");
}

// Returns a history entry's state, in which routers keep addresses as well: a clean copy if it holds an answer, otherwise the state itself.
function washedState(state) {
  try {
    const copy = [structuredClone(state)];
    const seen = new Set(); // it may be circular
    let changed = false;
    const visit = (holder) => {
      if (seen.has(holder)) return;
      seen.add(holder);
      for (const [name, value] of Object.entries(holder)) {
        if (typeof value === "string" && washed(value) !== value) {
          holder[name] = washed(value);
          changed = true;
        }
        if (value instanceof Object && !ArrayBuffer.isView(value)) visit(value);
      }
    };
    visit(copy);
    return changed ? copy[0] : state;
  } catch {
    return state; // it cannot be cloned: the browser reports that
  }
}

// ---- random, encoded (RFC 7636, 4.1 and appendix A) ---------------------------------------------

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
