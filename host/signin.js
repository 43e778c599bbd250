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
const AGAIN = 5000; // so long may finishSignIn be called again after it was given up, in milliseconds
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
 * Called again meanwhile, as by effects that run twice, it joins the call under way; if that ended
 * with ABORTED or DESTROYED, it asks anew through its own bus.
 */
export function finishSignIn({ bus, timeout, signal }) {
  const send = (payload) => bus.request("AUTH.SSO", payload, { timeout, signal });
  const answer = answerIn(location.href);
  if (answer?.state.startsWith(POPUP) && opener) return Promise.resolve(null); // the opener takes it
  if (answer) {
    clean();
    const payload = take(answer);
    underWay = { payload, end: payload.then(send) };
  } else if (underWay) {
    const { payload, end } = underWay;
    underWay.end = end.catch((error) => (isGivenUp(error) ? payload.then(send) : Promise.reject(error)));
  } else return Promise.resolve(null);
  return forgetting(underWay);
}

let underWay = null; // {payload, end}: promises of what to ask and of the answer to it

const isGivenUp = ({ code }) => code === "ABORTED" || code === "DESTROYED";

// Forgets a sign-in once it has ended; where it was given up, somebody may call again at once.
async function forgetting(taken) {
  const forget = () => underWay === taken && (underWay = null);
  try {
    const payload = await taken.end;
    forget();
    return payload;
  } catch (error) {
    if (isGivenUp(error)) setTimeout(forget, AGAIN);
    else forget();
    throw error;
  }
}

// ---- the journey ------------------------------------------------------------------------------

function newJourney(popup, { authorizeUrl, clientId, redirectUrl, issuer, nonce }) {
  if (!/^https?:$/.test(new URL(authorizeUrl).protocol)) throw new TypeError("authorizeUrl must be an http(s) address.");
  if (!clientId) throw new TypeError("clientId is missing.");
  const redirect = new URL(redirectUrl, location.href);
  if (redirect.origin !== location.origin)
    throw new TypeError(`redirectUrl must be a page of this origin, ${location.origin}, where the sign-in is finished.`);
  if (!crypto.subtle) throw new TypeError("A sign-in needs a secure context: serve this page over https:.");
  // As a string it is what was registered, so it stays as it was given, character for character.
  const exact = typeof redirectUrl === "string" && redirectUrl.startsWith(location.origin) ? redirectUrl : redirect.href;
  return { state: (popup ? POPUP : "") + random(), verifier: random(), redirectUrl: exact, issuer, nonce: nonce ? random() : undefined };
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
  sessionStorage.setItem(JOURNEY, JSON.stringify(journey));
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
      const answer = answerIn(addressOf(tab));
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

// The address of a window; while it is at another origin, nobody may know it.
function addressOf(tab) {
  try {
    return tab.location.href;
  } catch {
    return "about:blank";
  }
}

// An answer to an authorization request (RFC 6749, 4.1.2): it has a state and a code or an error.
function answerIn(address) {
  const { searchParams } = new URL(address);
  const answer = Object.fromEntries(ANSWER.filter((name) => searchParams.has(name)).map((name) => [name, searchParams.get(name)]));
  return answer.state && (answer.code || answer.error) ? answer : null;
}

function clean() {
  const url = new URL(location.href);
  for (const name of ANSWER) url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}

async function take(answer) {
  const journey = JSON.parse(sessionStorage.getItem(JOURNEY));
  if (journey?.state === answer.state) sessionStorage.removeItem(JOURNEY); // an answer counts once
  return checked(journey, answer);
}

// What to ask the bus with. Somebody else's answer must not sign this user in (RFC 6749, 10.12).
async function checked(journey, { state, code, iss, session_state, ...error }) {
  if (journey?.state !== state)
    throw new BusError("STATE_MISMATCH", "The answer belongs to no sign-in that this tab began: begin anew.");
  if (journey.issuer !== undefined && iss !== journey.issuer)
    throw new BusError("ISSUER_MISMATCH", "The answer does not name the issuer that was asked (iss).");
  if (error.error) throw new BusError("PROVIDER_ERROR", "The identity provider refused the sign-in; see error.", { error });
  const { redirectUrl, verifier: codeVerifier, nonce } = journey;
  return { code, redirectUrl, codeVerifier, ...(nonce && { nonce }) };
}

// ---- random, encoded (RFC 7636, 4.1 and appendix A) ---------------------------------------------

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
