// The embed module: what a host page imports to talk to the bus. No dependencies, no build step.
//
//   import { embed } from "./client.js";
//   const bus = embed({ src: "https://bus.example.com/" });
//   const { credentials, currentUser, company } = await bus.request("AUTH.SSO", { code, redirectUrl });
//
// A code is a credential: requests go to the bus iframe's window and to no other, with the bus's
// exact origin as target; replies come over a port of their own, so that no other listener of the
// host page sees the credentials. All times are milliseconds.

/** The default limit for a request, in milliseconds. */
export const DEFAULT_TIMEOUT = 60_000;

const LOOK = 500; // how often time limits and the iframe are looked at while something is pending
const GRACE = 1000; // a bus says LISTENING when its page begins to load, so it must have come by then
const SAME = 50; // a LISTENING so soon after a load event is of the same document: WebKit may turn them round
const SILENT = 4000; // no load event at all: some browsers fire none where nobody answers
const MOST = 60; // so many requests are with the bus at a time, which takes 64; the others wait here
const BOOTING = 3000; // a bus that is not ready by then is asked whether it ever will be

// When a frame goes while it loads a module that awaits at its top level, as PyScript does, WebKit
// tries to evaluate that again without end, and the tab hangs.
const WEBKIT = globalThis.navigator?.vendor?.startsWith("Apple"); // a server that renders pages has none
const BOOT = 30_000; // milliseconds after which a bus is up or never will be

const INSECURE = /^http:\/\/(?!(localhost|[^:]*\.localhost|127(\.\d+){3}|\[::1\])(:|$))/; // http:, but not on this machine
const SAYABLE = /^https?:\/\/[a-z\d.-]+(:\d+)?$/; // the origins that frame-ancestors can name (CSP 3, host-source)

/**
 * Why a request failed.
 * `code`: the bus's error code, "REJECTED" for an error of the backend's own, or one of this
 * module's: TIMEOUT, ABORTED, DESTROYED, BUS_RELOADED, BUS_UNREACHABLE, NOT_ALLOWED, MISCONFIGURED.
 * `error`: what the reply held: the backend's JSON unchanged, or the bus's {code, message, details}.
 * `meta`: {source: "backend" | "bus", status?}, where there was a reply. `evidence`: what a
 * diagnosis rests on, as sentences. `sent`: whether the bus may have got the request. `help`: the
 * section of the guide about this code.
 */
export class BusError extends Error {
  constructor(code, message, { error, meta, evidence, cause, sent = false } = {}) {
    super(message, { cause });
    this.name = "BusError";
    this.code = code;
    this.error = error;
    this.meta = meta;
    this.evidence = evidence;
    this.sent = sent;
    this.help = `docs/errors.md#${code.toLowerCase()}`;
  }
}

/**
 * Embeds a bus in this page.
 * `src`: the address of the bus page. `timeout`: the default limit of a request. `container`: the
 * element that gets the iframe. `title`: the iframe's title. `replyPort`: false makes replies come
 * to this window instead of over a port. `debug`: true, or a function that takes a line: says each
 * message's direction, type, id and milliseconds, never its payload.
 * Returns {iframe, origin, timeout, ready, request, on, destroy}. Throws TypeError for a bad `src` or
 * `timeout`, and where there is no page to embed in.
 */
export function embed({ src, timeout = DEFAULT_TIMEOUT, container = globalThis.document?.body, title = "Single sign-on", replyPort = true, debug }) {
  if (!container) throw new TypeError("The container of the iframe is not there (yet): embed in a browser, after it, in a module script for instance.");
  mustBeTime(timeout);
  const url = new URL(src, document.baseURI);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`src must be an http(s) address, not ${url.protocol}`);
  const { origin } = url;
  const listeners = new Map(); // type -> set of callbacks
  const pending = new Map(); // id -> request
  const policies = []; // what this page's own policy has forbidden
  const born = Date.now();
  let attached = false; // the iframe is in the page
  let spoken; // the window whose document has said LISTENING
  let known = false; // a document has ever said so: this page is allowed
  let expected = false; // a load event is to come of a document that said LISTENING already
  let loadedAt = -Infinity; // when the last load event was that came before a LISTENING
  let settled = false; // `ready` is
  let up = false; // Python serves in this document
  let fault = null; // the diagnosis, until a LISTENING proves it wrong
  let destroyed = false;
  let dead = false; // the bus has said that its Python is
  let timer; // runs while something is pending, or the bus has still to show up
  let turn = 0; // counts documents and diagnoses: one of an earlier document says nothing
  let elsewhere; // the origin of a bus that `src` has led to

  // What the host's own functions throw is the host's, and ends nothing here.
  const call = (callback, value) => {
    try {
      callback(value);
    } catch (error) {
      reportError(error);
    }
  };
  const say = debug && ((line) => call(debug === true ? (text) => console.debug(text) : debug, `sso-bus: ${line}`));
  const tell = (way, { type, id }, since) =>
    say?.(`${way} ${type}${id ? ` ${String(id).slice(0, 8)}` : ""} ${Date.now() - (since ?? born)} ms`);

  const iframe = document.createElement("iframe");
  iframe.src = url.href;
  iframe.title = title;
  iframe.hidden = true;
  iframe.tabIndex = -1;
  iframe.setAttribute("aria-hidden", "true");
  iframe.referrerPolicy = "no-referrer"; // this page's address may hold a code

  const post = (message, ports) => {
    tell("->", message);
    iframe.contentWindow?.postMessage(message, origin, ports);
  };

  let endReady;
  const ready = new Promise((resolve, reject) => {
    endReady = (error, value) => {
      settled = true;
      if (error) reject(error);
      else resolve(value);
    };
  });
  ready.catch(() => {}); // whoever cares awaits it

  const failAll = (error, only = () => true) => {
    for (const request of [...pending.values()]) if (only(request)) request.fail(error);
  };
  const isSent = (request) => request.sent;
  // A frame that was taken out of the page has another window when it is put back.
  const listening = () => spoken?.closed === false;
  const flush = () => {
    if (!listening()) return;
    let room = MOST - [...pending.values()].filter(isSent).length;
    for (const request of pending.values()) if (!request.sent && room-- > 0) request.send();
  };

  // ---- what is wrong when the bus is silent ------------------------------------------------

  const conclude = (code, message, evidence) => {
    if (listening() || destroyed) return;
    fault = new BusError(code, message, { evidence });
    console.error(`sso-bus: ${code}: ${message}\n${evidence.map((line) => `- ${line}\n`).join("")}See ${fault.help}`);
    endReady(fault);
    failAll(fault);
  };

  const misconfigured = () => {
    const { origin: own } = self;
    const sandbox = iframe.getAttribute("sandbox");
    const lacks = ["allow-scripts", "allow-same-origin"].filter((word) => sandbox !== null && !iframe.sandbox.contains(word));
    if (policies.length) return ["This page's own Content-Security-Policy forbids the bus: add its origin to frame-src.", policies];
    if (lacks.length) return [`The iframe is sandboxed too tightly: add ${lacks.join(" and ")} to its sandbox attribute.`, [`sandbox="${sandbox}"`]];
    if (own === "null")
      return ["This page has no origin of its own (sandboxed, data: or file:), so no bus can allow it.", [`self.origin is "${own}"`]];
    if (!SAYABLE.test(own) || INSECURE.test(own))
      return ["No bus can allow this page's origin: it must be https: (http: on localhost), with a host name of letters, digits and hyphens.", [`self.origin is "${own}"`]];
    if (own.startsWith("https:") && INSECURE.test(origin))
      return ["An https: page cannot embed an http: bus: serve the bus over https:.", [`src is at ${origin}`]];
    if (elsewhere) return [`src leads to ${elsewhere}: give that address as src.`, [`BUS.LISTENING came from ${elsewhere}, not from ${origin}`]];
  };

  const diagnose = async (loaded) => {
    const mine = ++turn;
    const wrong = misconfigured();
    if (wrong) return conclude("MISCONFIGURED", ...wrong);
    const evidence = [loaded ? "the iframe's page has loaded" : "the iframe has not loaded"];
    evidence.push(`no BUS.LISTENING came from ${origin} in ${Date.now() - born} ms`);
    if (!navigator.onLine) evidence.push("the browser says that it is offline");
    let [up, asked] = [true, "a request to it was answered, so it is up"];
    try {
      await fetch(url, { mode: "no-cors", cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" });
    } catch {
      await new Promise((resolve) => setTimeout(resolve)); // a policy's violation is told after the failure
      [up, asked] = [false, "a request to it failed"];
      if (policies.connect) [up, asked] = [null, "this page's connect-src forbids to ask whether it is up"];
      else if (self.crossOriginIsolated) [up, asked] = [null, "a request to it failed, or this page's Cross-Origin-Embedder-Policy forbids it"];
    }
    if (mine !== turn) return;
    evidence.push(asked);
    const nobody = navigator.onLine ? "the bus is down, the address is wrong, or a blocker is in the way (an extension, a proxy)" : "the browser is offline";
    if (up === false) return conclude("BUS_UNREACHABLE", `Nobody answers at ${url.href}: ${nobody}.`, evidence);
    if (!loaded) return; // it may only be slow
    const refused = known
      ? "The iframe shows no bus any more."
      : `The bus at ${origin} has not spoken to this page. If it never does, it probably does not allow this page's origin: add ${self.origin} to allowed_origins in its settings. If it does for others, a blocker is in the way (an extension, a proxy).`;
    conclude("NOT_ALLOWED", `${refused} Or there is no bus at ${url.href}, or its scripts come with a wrong type${up ? "" : ", or it is down"}.`, evidence);
  };

  const onViolation = ({ effectiveDirective, blockedURI, disposition }) => {
    if (disposition !== "enforce" || (blockedURI !== origin && !blockedURI.startsWith(`${origin}/`))) return;
    if (effectiveDirective === "connect-src") policies.connect = true;
    if (!/^(frame|child)-src$/.test(effectiveDirective)) return;
    policies.push(`${effectiveDirective} blocked ${blockedURI}`);
    diagnose();
  };

  const onLoad = () => {
    if (expected) return void (expected = false);
    // Another document than the one that was asked: it knows nothing of that.
    loadedAt = performance.now();
    reloaded();
    spoken = null;
    fault = null;
    const mine = ++turn;
    setTimeout(() => mine === turn && diagnose(true), GRACE);
  };

  const reloaded = () => failAll(new BusError("BUS_RELOADED", "The bus was reloaded or left its page before it answered."), isSent);

  // ---- what arrives --------------------------------------------------------------------------

  const onListening = () => {
    reloaded(); // a bus that says so anew knows nothing of what was sent before
    spoken = iframe.contentWindow;
    known = true;
    up = false;
    expected = performance.now() - loadedAt > SAME;
    loadedAt = -Infinity;
    fault = null;
    turn++;
    flush();
    // Only a request tells whether a bus that is not ready ever will be: one that no bus serves.
    if (!settled) setTimeout(() => settled || request("BUS.PROBE").catch(() => {}), BOOTING);
  };

  const onMessage = (event) => {
    if (event.source !== iframe.contentWindow) return;
    const { type, payload, id } = event.data ?? {};
    if (event.origin !== origin) {
      if (type === "BUS.LISTENING") elsewhere = event.origin; // all that is made of it is a diagnosis
      return;
    }
    if (typeof type !== "string") return;
    if (/_(FULFILLED|REJECTED)$/.test(type)) return pending.get(id)?.settle(event.data);
    tell("<-", { type });
    if (type === "BUS.LISTENING") onListening();
    if (type === "BUS.READY") {
      up = true;
      endReady(null, payload);
    }
    for (const callback of [...(listeners.get(type) ?? [])]) call(callback, payload);
  };

  const unheard = () => (iframe.isConnected ? `: ${origin} has said nothing` : ": its iframe is not in the page");

  // Has the iframe gone, with a part of the page that was replaced for instance, or come back?
  const attend = () => {
    if (iframe.isConnected === attached) return;
    attached = !attached;
    if (attached) return void (fault?.code === "DESTROYED" && (fault = null));
    spoken = null;
    expected = false;
    fault = new BusError("DESTROYED", "The bus's iframe was removed from the page.");
    endReady(fault);
    failAll(fault);
  };

  // Timers stand still while a computer sleeps, so time limits go by the clock.
  const look = () => {
    clearTimeout(timer);
    if (destroyed) return;
    attend();
    const now = Date.now();
    const late = [...pending.values()].filter(({ until }) => now >= until);
    if (late.length) afterMessages(() => late.forEach((request) => request.expire()));
    if (!turn && now >= born + SILENT) diagnose(false);
    if (now >= born + timeout)
      endReady(new BusError("TIMEOUT", `The bus was not ready within ${timeout} ms${listening() ? ": it listens, but its Python has not started" : unheard()}.`));
    const next = Math.min(settled ? Infinity : born + timeout, ...[...pending.values()].map(({ until }) => until));
    if (settled && !pending.size) return;
    timer = setTimeout(look, Math.min(LOOK, Math.max(1, next - now)));
  };

  const onPageShow = ({ persisted }) => {
    // Back from the back-forward cache: the bus says PAGE_HIDDEN itself, if it can.
    const before = [...pending.values()];
    const error = () => new BusError("PAGE_HIDDEN", "The page was put into the back-forward cache before the answer came.");
    if (persisted) setTimeout(() => before.forEach((request) => request.giveUp(error())), LOOK);
  };

  addEventListener("message", onMessage);
  addEventListener("pageshow", onPageShow);
  document.addEventListener("securitypolicyviolation", onViolation);
  document.addEventListener("visibilitychange", look);
  iframe.addEventListener("load", onLoad);
  container.append(iframe);
  if (misconfigured()) diagnose();
  look();

  /** Sends a request. Resolves to the payload of its reply, or rejects with a BusError. */
  const request = (type, payload = {}, { timeout: limit = timeout, signal } = {}) =>
    new Promise((resolve, reject) => {
      if (destroyed) return reject(new BusError("DESTROYED", "The bus was destroyed."));
      const aborted = () => new BusError("ABORTED", "The request was aborted.", { cause: signal.reason });
      if (signal?.aborted) return reject(aborted());
      mustBeTime(limit);
      attend();
      if (fault) return reject(fault);

      const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const channel = replyPort ? new MessageChannel() : null;
      const began = Date.now();
      const end = (finish, value) => {
        if (!pending.delete(id)) return;
        flush();
        signal?.removeEventListener("abort", onAbort);
        channel?.port1.close();
        finish(value);
      };
      const entry = {
        sent: false,
        until: began + limit,
        send() {
          entry.sent = true;
          try {
            post({ type, payload, id }, channel ? [channel.port2] : []);
          } catch (error) {
            end(reject, error); // a payload that cannot be posted at all: DataCloneError
          }
        },
        settle(reply) {
          if (reply?.type !== `${type}_FULFILLED` && reply?.type !== `${type}_REJECTED`) return;
          tell("<-", reply, began);
          if (reply.type.endsWith("_FULFILLED")) return end(resolve, reply.payload);
          const error = errorOf(reply);
          if (/^(BOOT_FAILED|RUNTIME_DIED)$/.test(error.code)) {
            if (!dead) console.error(`sso-bus: ${error.code}: ${error.message} The bus's own console lines say why. See ${error.help}`);
            dead = true;
            endReady(error);
          }
          end(reject, error);
        },
        fail: (error) => {
          tell("xx", { type: `${type} ${error.code}`, id }, began);
          const { code, message, evidence, cause } = error; // of its own: others may not have been sent
          end(reject, new BusError(code, message, { evidence, cause, sent: entry.sent }));
        },
        giveUp(error) {
          // Before it was sent there is nothing to cancel; later, BUS.CANCEL has no reply of its own.
          if (!pending.has(id)) return;
          if (entry.sent) post({ type: "BUS.CANCEL", payload: { id } });
          entry.fail(error);
        },
        expire: () => entry.giveUp(new BusError("TIMEOUT", `No answer within ${limit} ms${entry.sent ? "" : listening() ? ": too many requests before it" : unheard()}.`)),
      };
      const onAbort = () => entry.giveUp(aborted());
      signal?.addEventListener("abort", onAbort);
      pending.set(id, entry);
      if (channel) channel.port1.onmessage = ({ data }) => entry.settle(data);
      flush();
      look();
    });

  /** Calls `callback(payload)` for each pushed message of a type. Returns what unsubscribes it. */
  const on = (type, callback) => {
    if (!listeners.has(type)) listeners.set(type, new Set());
    listeners.get(type).add(callback);
    return () => listeners.get(type)?.delete(callback);
  };

  /**
   * Removes the iframe and every listener; what is pending is rejected with DESTROYED. In WebKit, an
   * iframe whose bus still boots is hidden at once, and removed when the bus is up.
   */
  const destroy = () => {
    if (destroyed) return;
    destroyed = true;
    turn++;
    clearTimeout(timer);
    removeEventListener("message", onMessage);
    removeEventListener("pageshow", onPageShow);
    document.removeEventListener("securitypolicyviolation", onViolation);
    document.removeEventListener("visibilitychange", look);
    const error = new BusError("DESTROYED", "The bus was destroyed.");
    endReady(error);
    failAll(error);
    listeners.clear();
    if (up || !WEBKIT || !iframe.isConnected) return iframe.remove();
    iframe.hidden = true;
    const leave = () => {
      removeEventListener("message", onUp);
      iframe.remove();
    };
    // An event has no source any more when another listener has removed the frame that it came from.
    const onUp = ({ source, data }) => {
      if (source && source === iframe.contentWindow && data?.type === "BUS.READY") leave();
    };
    addEventListener("message", onUp);
    setTimeout(leave, BOOT);
  };

  return { iframe, origin, timeout, ready, request, on, destroy };
}

// A time limit that is none would be asked after without a pause.
function mustBeTime(limit) {
  if (typeof limit !== "number" || Number.isNaN(limit)) throw new TypeError("timeout must be a number of milliseconds.");
}

// Calls back when what has arrived by now has been heard: an answer that is there wins.
function afterMessages(callback) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  port2.postMessage(null);
}

function errorOf({ payload, meta }) {
  const error = payload?.error;
  if (meta?.source === "bus") return new BusError(error.code, error.message, { error, meta, sent: true });
  return new BusError("REJECTED", "The backend rejected the request.", { error, meta, sent: true });
}
