// Sign-in helpers: the authorization code flow with PKCE (RFC 6749, RFC 7636), by redirect or popup.
//
//   import { startSignIn, finishSignIn } from "./signin.js";
//   button.onclick = () => startSignIn({ bus, redirectUrl });   // leaves the page
//   const session = await finishSignIn({ bus });             // on redirectUrl; null: nothing to finish
//
// What a sign-in needs until its answer comes (state, verifier, nonce) is kept in this tab's session
// storage for a redirect, in this page's memory for a popup, and deleted when the answer is taken.
// All times are milliseconds.

/** @import {Bus, BusError as Failure, SignedIn} from "./client.js" */
/** @import {FinishOptions, PopupOptions, SignInOptions} from "./signin.js" */
import { BusError, DEFAULT_TIMEOUT } from "./client.js";

const JOURNEY = "sso-bus.journey"; // session storage: the one redirect that this tab has under way
const USED = "sso-bus.used"; // session storage: how the states began whose answers this tab has taken
const KEY = 20; // so many of a state's 43 characters tell it apart, and are not enough to forge it
const MOST = 16; // so many of these beginnings are kept
const WAITING = "sso-bus.waiting"; // a property of a window that waits for popups: what takes their answers
const LOOK = 50; // how often that window looks at its popup
const BACK = 500; // so long a popup may be back at this origin without an answer
const HANDED = 5000; // so long a popup waits to be closed
const LONG = 2 ** 31 - 1; // the longest time limit that timers know, 24 days
const UNSENT = 600_000; // so long a code that was not sent may be asked with (RFC 6749, 4.1.2: its life)
const OLD = 3_600_000; // an answer that comes later belongs to nothing any more
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
// The parameters of an answer (RFC 6749, 4.1.2; RFC 9207): three of an error's, three others, and then
// what some providers add to them.
const ANSWER =
  "error error_description error_uri code state iss error_subcode session_state scope authuser prompt hd client_info".split(
    " ",
  );
// An address: what is before the query, the query, what is between, and the fragment's own parameters,
// as in #code=…, #/code=… and #/callback?code=….
/** @type {{exec: (address: string) => any}} */
const PARTS = /^([^?#]*\??)([^#]*)((?:#(?:[^?=&]*\?|\/)?)?)(.*)$/s;

/**
 * Begins a sign-in at the identity provider. To be called on a user's click.
 * `redirectUrl`: a page of this origin, as registered at the provider; `authorizeUrl`: the
 * authorization endpoint; `clientId`; `scope`; `nonce`: true for OpenID Connect; `params`: further
 * parameters, of which undefined ones are left out; `issuer`: what `iss` in the answer must be, for
 * providers that send it (RFC 9207).
 * With `bus` and without `authorizeUrl` or `clientId`, what is not given is what BUS.READY says, which
 * is waited for; it rejects with MISCONFIGURED if that bus does not know, or as `bus.ready` does.
 * By redirect the page is left; the promise is rejected with ABORTED if the user comes back without
 * an answer. With `popup: true` and `bus`, a window is opened instead and the promise is that of
 * `bus.request("AUTH.SSO", …, {timeout, signal})`; it is rejected with POPUP_BLOCKED, POPUP_CLOSED,
 * NO_ANSWER, and what `finishSignIn` is rejected with. `features`: the window's (HTML, window.open).
 * Throws TypeError for options that cannot work.
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
 * and sends AUTH.SSO. Resolves to the bus's payload, or to null where the address holds no answer to
 * a sign-in that this tab began; it is then left as it is.
 * Rejects with a BusError: STATE_MISMATCH (another's answer at the redirect URL, or an answer to this
 * tab's at another page), ISSUER_MISMATCH, PROVIDER_ERROR (`error`: {error, error_description?,
 * error_uri?}), or what `bus.request` gives; with TypeError for options that cannot work.
 * Called again meanwhile, as by effects that run twice, it joins the exchange under way; `timeout` and
 * `signal` are each caller's own. A code that was not sent yet is there for whoever asks next, through
 * a bus of his own. In a popup it gives the answer to the page that waits for it, which closes the popup.
 * @param {FinishOptions} options
 * @returns {Promise<SignedIn | null>}
 */
export async function finishSignIn({ bus, timeout, signal }) {
  const limit = limitOf(timeout ?? bus?.timeout);
  wash(); // what was taken before is no answer any more
  const key = handedOver();
  if (key) {
    forget(key);
    await pause(HANDED);
    return null; // what there is to finish is the opener's
  }
  const journey = stored(JOURNEY);
  const answer = journey?.redirectUrl && answerTo(journey, location.href);
  if (!answer && !(underWay && Date.now() < underWay.until)) return null;
  if (!bus) throw new TypeError("finishSignIn needs the bus.");
  if (answer) underWay = taken(journey, answer);
  return join(underWay, bus, limit, signal);
}

// ---- one exchange for all who ask ---------------------------------------------------------------

/** @type {{until: number, payload?: any, failure?: Failure, exchange?: any} | null} */
let underWay = null; // the sign-in whose answer was taken: {payload or failure, until, exchange}

function taken(journey, answer) {
  const own = answer.state === journey.state;
  if (own) sessionStorage.removeItem(JOURNEY); // an answer counts once; another's leaves it as it is
  forget(answer.key, own);
  /** @type {NonNullable<typeof underWay>} */
  const sign = { until: Date.now() + UNSENT };
  try {
    sign.payload = checked(journey, answer);
  } catch (error) {
    sign.failure = error; // for all who ask at once, as effects do that run twice
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
      // Nothing was sent, and through no doing of this caller's or his bus's: it is his turn.
      const others = exchange.bus !== bus || exchange.control.signal.aborted;
      if (error.sent !== false || !others || signal?.aborted || Date.now() >= until) throw error;
    }
  }
}

function newExchange(sign, bus) {
  const exchange = { bus, callers: 0, control: new AbortController() };
  const { signal } = exchange.control;
  const send = async () => {
    await null; // who mounts, cleans up and mounts again at once has sent nothing
    if (!exchange.callers) exchange.control.abort();
    try {
      const payload = await bus.request("AUTH.SSO", sign.payload, { timeout: LONG, signal });
      end(sign);
      return payload;
    } catch (error) {
      if (error.sent === false) sign.exchange = null;
      else end(sign); // whether the code is used up is not known
      throw error;
    }
  };
  exchange.answer = send();
  return exchange;
}

// One caller's part in an exchange, which is cancelled when the last has gone.
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
        if (exchange.callers) return gone({ sent: true }); // the others' may be
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
    throw new TypeError("authorizeUrl and clientId are missing: give them, or a bus that says them.");
  const redirect = addressOf("redirectUrl", redirectUrl, location.href);
  if (redirect.origin !== location.origin)
    throw new TypeError(`redirectUrl must be a page of this origin, ${location.origin}.`);
  // As a string it is what was registered, so it stays as it was given, character for character.
  const exact =
    typeof redirectUrl === "string" && redirectUrl.startsWith(location.origin) ? redirectUrl : redirect.href;
  if (!/^[!-[\]-~]{1,2048}$/.test(exact))
    throw new TypeError("redirectUrl must be at most 2,048 ASCII characters, without spaces and backslashes.");
  const taken = ANSWER.find((name) => redirect.searchParams.has(name));
  if (taken) throw new TypeError(`redirectUrl must not have the parameter ${taken}: answers do.`);
  if (!crypto.subtle) throw new TypeError("A sign-in needs https: (or localhost).");
  return {
    state: random(),
    verifier: random(),
    began: Date.now(),
    redirectUrl: exact,
  };
}

// An address that a user's browser may be sent to with a sign-in's secrets (RFC 6749, 3.1 and 3.1.2).
function addressOf(name, given, base) {
  const url = new URL(given, base);
  const safe = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (!safe || /#|^\w+:\/\/[^/]*@/.test(url.href))
    throw new TypeError(`${name} must be https: (or http: on a loopback host), without "#" and user info.`);
  return url;
}

// What a host has not said is in BUS.READY, where the build of the bus could find it out.
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

// The address where the journey begins; what its answer must be is in the journey from then on.
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
  url.search = `${url.searchParams}`.replaceAll("+", "%20"); // not every provider reads + as a space
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
  underWay = null; // the user wants a new one
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

// What this tab's session storage holds, or null, also where there is none.
function stored(name) {
  try {
    return JSON.parse(/** @type {string} */ (sessionStorage.getItem(name)));
  } catch {
    return null;
  }
}

// ---- the popup --------------------------------------------------------------------------------

// A new window, or null: Firefox throws where others say null, in a frame sandboxed without popups.
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
  const woken = new Promise((resolve) => (wake = resolve)); // timers are slow in a page out of sight
  // Called by finishSignIn in the popup: before its page can go on, and with no listener to overhear.
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
  // While it is waited for, the user may close the window, and the host may give up.
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

// The answer that a popup is back with; null: it is back without one; undefined: it is not back yet.
function answerOf(tab, journey) {
  try {
    const { href, origin } = tab.location; // throws while it is at another origin
    if (origin !== location.origin) return undefined; // about:blank
    // A page that went on at once has mostly told the next where it came from.
    const answer = answerTo(journey, href) ?? answerTo(journey, tab.document.referrer || href);
    return answer ?? (journey.elsewhere || isAt(journey, href) ? null : undefined);
  } catch {
    return undefined;
  }
}

// Gives the answer to the page that opened this one, if it waits for that. Returns the answer's key.
function handedOver() {
  try {
    for (const take of opener[WAITING]) {
      const key = take(window, location.href);
      if (key) return key;
    }
  } catch {} // no opener, none of this origin, or none that waits
  return null;
}

// ---- the answer -------------------------------------------------------------------------------

/**
 * The answer to a journey that an address holds, in its query or fragment (RFC 6749, 4.1.2), or null.
 * It has the journey's state, or has come to its redirect URL while it is under way: with another
 * state, or as an error without one, which some providers send.
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

// Whether an address is the journey's redirect URL, whatever the provider has added (RFC 9700, 4.4.2).
function isAt({ redirectUrl }, address) {
  const [wanted, url] = [new URL(redirectUrl), new URL(address)];
  const values = ({ searchParams }, name) => JSON.stringify(searchParams.getAll(name));
  const same = (name) => values(wanted, name) === values(url, name);
  return (
    wanted.origin === url.origin && wanted.pathname === url.pathname && [...wanted.searchParams.keys()].every(same)
  );
}

const isOld = ({ began }) => Date.now() > began + OLD;

// What to ask the bus with. Somebody else's answer must not sign this user in (RFC 6749, 10.12).
/** @type {(journey: any, answer: Answer) => any} */
function checked(journey, { state, code, iss, refusal, here, twice }) {
  // No parameter may be there twice (RFC 6749, 3.1).
  if (!here || twice || isOld(journey) || (state && state !== journey.state))
    throw new BusError(
      "STATE_MISMATCH",
      here
        ? "The answer belongs to no sign-in that this tab began."
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

// ---- the address, clean for good ----------------------------------------------------------------

let guarded = false;
/** @type {any} */
let used = null; // the keys of the answers that were taken; of this tab's own sign-ins, their beginnings

// What tells an answer apart: its state, or all of it.
const keyOf = (text) => new URLSearchParams(text).get("state") || text;

const isUsed = (text) => [keyOf(text), keyOf(text).slice(0, KEY)].some((key) => used.includes(key));

// Takes an answer out of the address bar, and keeps it out; for longer than this page if it was `own`.
function forget(key, own) {
  used.push(own ? key.slice(0, KEY) : key);
  try {
    if (own) sessionStorage.setItem(USED, JSON.stringify([...(stored(USED) ?? []), key.slice(0, KEY)].slice(-MOST)));
  } catch {} // this page alone remembers
  wash();
}

function wash() {
  used ??= [stored(USED) ?? []].flat();
  if (used.length && !guarded) guard();
  try {
    const clean = washed(location.href);
    if (clean !== location.href) history.replaceState(washedState(history.state), "", clean);
  } catch {} // a browser allows so many of these in a time, and a sign-in need not fail for it
}

// Routers keep the address that a page began with, and write it back: when they start, or much later.
function guard() {
  guarded = true;
  for (const name of ["pushState", "replaceState"]) {
    const plain = history[name];
    /** @this {any} @param {any[]} args */
    const clean = function (...args) {
      try {
        const { href } = new URL(args[2] || location.href, document.baseURI);
        if (washed(href) !== href) args[2] = washed(href);
      } catch {} // what is wrong with them is for the browser to say
      if (args.length) args[0] = washedState(args[0]);
      return plain.apply(this, args);
    };
    try {
      history[name] = clean;
    } catch {} // frozen by somebody: the events are left
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

// A history entry's state, where routers keep addresses as well: a copy if it holds an answer, else as it is.
function washedState(state) {
  try {
    const copy = [structuredClone(state)];
    const seen = new Set(); // it may hold itself
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
    return state; // what cannot be kept is for the browser to say
  }
}

// ---- random, encoded (RFC 7636, 4.1 and appendix A) ---------------------------------------------

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
