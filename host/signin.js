// Sign-in helpers: the authorization code flow with PKCE (RFC 6749, RFC 7636), by redirect or popup.
//
//   import { startSignIn, finishSignIn } from "./signin.js";
//   button.onclick = () => startSignIn({ authorizeUrl, clientId, redirectUrl });   // leaves the page
//   const session = await finishSignIn({ bus });             // on redirectUrl; null: nothing to finish
//
// What a sign-in needs until its answer comes (state, verifier, nonce) is kept in this tab's session
// storage for a redirect, in this page's memory for a popup, and deleted when the answer is taken.
import { BusError } from "./client.js";

const JOURNEY = "sso-bus.journey"; // the one redirect that this tab has under way
const POPUP = "popup."; // a state that starts so belongs to a page that waits for its popup
const LOOK = 200; // how often that page looks at its popup, in milliseconds
const AGAIN = 5000; // so long may finishSignIn be called again after its bus was destroyed, in milliseconds
const HANDED = 5000; // so long a popup waits for its opener to take the answer, in milliseconds
const OLD = 3_600_000; // an answer that comes later belongs to nothing any more, in milliseconds
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
const ANSWER = ["code", "state", "iss", "error", "error_description", "error_uri", "session_state"];

/**
 * Begins a sign-in at the identity provider. To be called on a user's click.
 * `authorizeUrl`: the authorization endpoint; `clientId`; `redirectUrl`: a page of this origin, as
 * registered at the provider; `scope`; `nonce`: true for OpenID Connect; `params`: further
 * parameters; `issuer`: what `iss` in the answer must be, for providers that send it (RFC 9207).
 * By redirect the page is left; the promise is rejected with ABORTED if the user comes back without
 * an answer. With `popup: true` and `bus`, a window is opened instead and the promise is that of
 * `bus.request("AUTH.SSO", …, {timeout, signal})`; it is rejected with POPUP_BLOCKED, POPUP_CLOSED,
 * and what `finishSignIn` is rejected with. `features`: the window's (HTML, window.open).
 * Throws TypeError for options that cannot work.
 */
export function startSignIn({ popup = false, bus, timeout, signal, features = "popup,width=480,height=640", ...options }) {
  const journey = newJourney(popup, options);
  if (!popup) return leave(journey, options);
  if (!bus) throw new TypeError("A sign-in by popup needs the bus.");
  const tab = opened(features); // now: a browser allows it in the click alone
  if (!tab) return Promise.reject(new BusError("POPUP_BLOCKED", "The browser blocked the sign-in window."));
  return inPopup(tab, journey, options, signal).then((payload) => bus.request("AUTH.SSO", payload, { timeout, signal }));
}

/**
 * Takes the provider's answer from this page's address, cleans the address bar, checks the answer
 * and sends AUTH.SSO. Resolves to the bus's payload, or to null where the address holds no answer.
 * Rejects with a BusError: STATE_MISMATCH (nobody began this sign-in in this tab), ISSUER_MISMATCH,
 * PROVIDER_ERROR (`error`: {error, error_description?, error_uri?}), or what `bus.request` gives.
 * Called again meanwhile, as by effects that run twice, it joins the call under way; if the bus of
 * that was destroyed before the code was sent, it asks through its own. In a popup it leaves the
 * answer to the page that waits for it, which closes the popup.
 */
export function finishSignIn({ bus, timeout, signal }) {
  const send = (payload) => bus.request("AUTH.SSO", payload, { timeout, signal });
  const answer = answerIn(location.href);
  if (!answer && !underWay) return Promise.resolve(null);
  if (answer) clean();
  if (answer?.state.startsWith(POPUP) && opener) return handOver(answer);
  const { payload, end } = answer ? { payload: take(answer) } : underWay;
  const unsent = (error) => (error.code === "DESTROYED" && !error.sent ? payload.then(send) : Promise.reject(error));
  return forgetting({ payload, end: answer ? payload.then(send) : end.catch(unsent) });
}

let underWay = null; // {payload, end}: promises of what to ask and of the answer to it

// Forgets a sign-in once it has ended; but a code that was not sent may be asked with again at once.
async function forgetting(taken) {
  underWay = taken;
  const forget = () => underWay === taken && (underWay = null);
  try {
    const payload = await taken.end;
    forget();
    return payload;
  } catch (error) {
    if (error.code === "DESTROYED" && !error.sent) setTimeout(forget, AGAIN);
    else forget();
    throw error;
  }
}

// Leaves the answer for the opener, which looks here. It is the same page's window, of the same origin.
function handOver(answer) {
  window[POPUP] = answer;
  return new Promise((_, reject) => {
    const orphan = () => reject(new BusError("STATE_MISMATCH", "The page that began this sign-in is gone: begin anew."));
    setTimeout(orphan, HANDED);
  });
}

// ---- the journey ------------------------------------------------------------------------------

function newJourney(popup, { authorizeUrl, clientId, redirectUrl, issuer, nonce }) {
  const authorize = new URL(authorizeUrl);
  if (!/^https?:$/.test(authorize.protocol)) throw new TypeError("authorizeUrl must be an http(s) address.");
  if (authorize.protocol === "http:" && !LOOPBACK.test(authorize.hostname))
    throw new TypeError("authorizeUrl must be https:, but on a loopback host.");
  if (!clientId) throw new TypeError("clientId is missing.");
  const redirect = new URL(redirectUrl, location.href);
  if (redirect.origin !== location.origin)
    throw new TypeError(`redirectUrl must be a page of this origin, ${location.origin}, where the sign-in is finished.`);
  if (redirect.hash) throw new TypeError("redirectUrl must not have a fragment (RFC 6749, 3.1.2).");
  if (!crypto.subtle) throw new TypeError("A sign-in needs a secure context: serve this page over https:.");
  // As a string it is what was registered, so it stays as it was given, character for character.
  const exact = typeof redirectUrl === "string" && redirectUrl.startsWith(location.origin) ? redirectUrl : redirect.href;
  return { state: (popup ? POPUP : "") + random(), verifier: random(), began: Date.now(), redirectUrl: exact, issuer, nonce: nonce ? random() : undefined };
}

async function authorization({ state, verifier, redirectUrl, nonce }, { authorizeUrl, clientId, scope, params = {} }) {
  const url = new URL(authorizeUrl);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const challenge = { code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256" };
  const own = { response_type: "code", client_id: clientId, redirect_uri: redirectUrl, scope, state, nonce, ...challenge };
  for (const [name, value] of Object.entries(own)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

async function leave(journey, options) {
  const url = await authorization(journey, options);
  try {
    sessionStorage.setItem(JOURNEY, JSON.stringify(journey));
  } catch (cause) {
    throw new BusError("MISCONFIGURED", "This page may keep nothing in session storage, so it could not finish a sign-in by redirect: use a popup.", { evidence: [cause.message], cause });
  }
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

// A new window, or null: Firefox throws where others say null, in a frame sandboxed without popups.
function opened(features) {
  try {
    return open("about:blank", "_blank", features);
  } catch {
    return null;
  }
}

async function inPopup(tab, journey, options, signal) {
  try {
    tab.location.replace(await authorization(journey, options));
    for (;;) {
      signal?.throwIfAborted();
      if (tab.closed) throw new BusError("POPUP_CLOSED", "The sign-in window was closed before it was done.");
      const answer = answerOf(tab);
      if (answer) return await checked(journey, answer);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  } catch (error) {
    throw error === signal?.reason ? new BusError("ABORTED", "The sign-in was aborted.", { cause: error }) : error;
  } finally {
    tab.close();
  }
}

// ---- the answer -------------------------------------------------------------------------------

// The answer that a window has come back with; while it is at another origin, nobody may look.
function answerOf(tab) {
  try {
    return tab[POPUP] ?? answerIn(tab.location.href);
  } catch {
    return null;
  }
}

// An answer to an authorization request (RFC 6749, 4.1.2): it has a state and a code or an error.
function answerIn(address) {
  const { searchParams } = new URL(address);
  const found = ANSWER.filter((name) => searchParams.has(name));
  const answer = Object.fromEntries(found.map((name) => [name, searchParams.get(name)]));
  if (!answer.state || !(answer.code || answer.error)) return null;
  const twice = found.some((name) => searchParams.getAll(name).length > 1);
  return twice ? { state: "twice" } : answer; // no parameter may be (RFC 6749, 3.1): nobody's answer
}

function clean() {
  const url = new URL(location.href);
  for (const name of ANSWER) url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}

async function take(answer) {
  let journey = null;
  try {
    journey = JSON.parse(sessionStorage.getItem(JOURNEY));
  } catch {} // no storage, no journey
  if (journey?.state === answer.state) sessionStorage.removeItem(JOURNEY); // an answer counts once
  return checked(journey, answer);
}

// What to ask the bus with. Somebody else's answer must not sign this user in (RFC 6749, 10.12).
async function checked(journey, { state, code, iss, session_state, ...error }) {
  if (journey?.state !== state || Date.now() > journey.began + OLD)
    throw new BusError("STATE_MISMATCH", "The answer belongs to no sign-in that this tab began: begin anew.");
  if (journey.issuer !== undefined && iss !== journey.issuer)
    throw new BusError("ISSUER_MISMATCH", `The answer's issuer (iss) is ${iss ? JSON.stringify(iss.slice(0, 256)) : "missing"}, the one asked is ${JSON.stringify(journey.issuer)}.`);
  if (error.error) throw new BusError("PROVIDER_ERROR", "The identity provider refused the sign-in; see error.", { error });
  const { redirectUrl, verifier: codeVerifier, nonce } = journey;
  return { code, redirectUrl, codeVerifier, ...(nonce && { nonce }) };
}

// ---- random, encoded (RFC 7636, 4.1 and appendix A) ---------------------------------------------

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
