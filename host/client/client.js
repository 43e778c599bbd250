// The embed module: what a host page imports to talk to the bus. No dependencies, no build step.
//
//   import { embed } from "./client.js";
//   const bus = embed({ src: "https://bus.example.com/" });
//   const { credentials, currentUser, company } = await bus.request("AUTH.SSO", { code, redirectUrl });
//
// A code is a credential: requests go to the bus iframe's window and to no other, with the bus's
// exact origin as target; replies come over a port of their own, so that no other listener of the
// host page sees the credentials. All times are milliseconds.

/** @import {BackendMeta, Bus, BusMeta, EmbedOptions, ErrorCode, RequestOptions} from "./client.js" */

/** The default limit for a request, in milliseconds. */
export const DEFAULT_TIMEOUT = 60_000;

const LOOK = 500; // how often time limits and the iframe are checked while something is pending
const GRACE = 500; // how long after the load event LISTENING may come, which a bus sends while its page loads; then how long a bus may take to answer
const SAME = 50; // a LISTENING that follows a load event within this time is of the same document: WebKit may deliver them in either order
const SILENT = 4000; // how long to wait for a load event: some browsers fire none if no server answers
const MOST = 60; // how many requests are sent to the bus at a time, which accepts 64; the others wait here
const BOOTING = 3000; // a bus that is not ready this long after LISTENING gets a request, to see whether it has failed

// If a frame is removed while it loads a module with a top-level await, such as PyScript's, WebKit
// never stops evaluating that module, and the tab hangs.
const WEBKIT = globalThis.navigator?.vendor?.startsWith("Apple"); // there is no navigator on a server that renders pages
const BOOT = 30_000; // after this time a bus has either started or failed

const INSECURE = /^http:\/\/(?!(([^:]*\.)?localhost|127\.[\d.]+|\[::1\])(:|$))/; // http: on another machine than this one
const SAYABLE = /^https?:\/\/[a-z\d.-]+(:\d+)?$/; // the origins that frame-ancestors can name (CSP 3, host-source)
let guide = ""; // the address of the guide to errors, which the bus embedded last serves

/**
 * Why a request failed.
 * `code`: the bus's error code, "REJECTED" for an error of the backend's own, or one of this
 * module's: TIMEOUT, ABORTED, DESTROYED, BUS_RELOADED, BUS_UNREACHABLE, NOT_ALLOWED, MISCONFIGURED.
 * `error`: the error in the reply: the backend's JSON unchanged, or the bus's {code, message, details}.
 * `meta`: {source: "backend" | "bus", status?}, if there was a reply. `evidence`: the facts that a
 * diagnosis is based on, as sentences. `sent`: whether the bus may have got the request. `help`: the
 * address of the section about this code, on a page that the bus serves; empty before a bus is embedded.
 */
export class BusError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {{error?: any, meta?: BackendMeta | BusMeta, evidence?: string[], cause?: unknown, sent?: boolean}} more
   */
  constructor(code, message, { error, meta, evidence, cause, sent = false } = {}) {
    super(message, { cause });
    this.name = "BusError";
    this.code = code;
    this.error = error;
    this.meta = meta;
    this.evidence = evidence;
    this.sent = sent;
    this.help = guide && `${guide}#${code.toLowerCase()}`;
  }
}

/**
 * Embeds a bus in this page.
 * `src`: the address of the bus page. `timeout`: the default limit of a request. `container`: the
 * element that gets the iframe. `title`: the iframe's title. `replyPort`: false makes replies come
 * to this window instead of over a port. `debug`: true, or a function that takes a line. It writes
 * each message's direction, type, id and milliseconds, never its payload.
 * Returns {iframe, origin, timeout, ready, request, on, destroy}. Throws TypeError for a bad `src` or
 * `timeout`, and if there is no page to embed in.
 * @param {EmbedOptions} options
 * @returns {Bus}
 */
export function embed({
  src,
  timeout = DEFAULT_TIMEOUT,
  container = globalThis.document?.body,
  title = "Single sign-on",
  replyPort = true,
  debug,
}) {
  if (!container) throw new TypeError("There is no container (yet): embed in a browser, in a module script.");
  mustBeTime(timeout);
  const url = new URL(src, document.baseURI);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError("src must be an http(s) address.");
  guide = new URL("errors.html", url).href;
  const { origin } = url;
  const iframe = newFrame(url.href, title);
  const born = Date.now();
  const life = new AbortController(); // `destroy` aborts it; its signal removes every listener
  const listeners = new Set(); // of {type, callback}
  const pending = new Map(); // id -> request
  let settled = false; // whether `ready` has resolved or rejected
  let up = false; // whether Python serves in the iframe's current document
  let dead = false; // whether the bus has reported that its Python has failed or died
  let timer; // runs while a request or `ready` is pending
  let pushes; // the port of the latest BUS.INIT of AUTH

  const say = debug === true ? console.debug : debug;
  /** @type {(way: string, message: {type: string, id?: string}, since?: number) => void} */
  const tell = (way, { type, id }, since = born) =>
    say && call(say, `sso-bus: ${way} ${type}${id ? ` ${id.slice(0, 8)}` : ""} ${Date.now() - since} ms`);

  const post = (message, ports) => {
    tell("->", message);
    iframe.contentWindow?.postMessage(message, origin, ports);
  };

  /** @type {(error: BusError | null, value?: any) => void} */
  let endReady;
  const ready = new Promise((resolve, reject) => {
    endReady = (error, value) => {
      settled = true;
      if (error) reject(error);
      resolve(value); // does nothing after reject()
    };
  });
  ready.catch(() => {}); // no unhandled rejection if the host does not await it

  const all = () => [...pending.values()];
  const failAll = (error, sentOnly) => all().forEach((request) => (request.sent || !sentOnly) && request.fail(error));
  const flush = () => {
    if (watch.listening())
      all()
        .slice(0, MOST)
        .forEach((request) => request.sent || request.send());
  };

  // ---- what arrives --------------------------------------------------------------------------

  const hear = (message) => {
    const { type, payload, id } = message ?? {};
    if (typeof type !== "string") return;
    if (/_(FULFILLED|REJECTED)$/.test(type)) return pending.get(id)?.settle(message);
    tell("<-", { type });
    if (type === "BUS.LISTENING") {
      up = false;
      flush();
      // A bus whose Python has failed says so only in reply to a request. This is one that no bus serves.
      setTimeout(() => settled || request("BUS.PROBE").catch(() => {}), BOOTING);
    }
    if (type === "BUS.READY") {
      flush();
      if (up) return; // said again, as this page has asked for it
      up = true;
      endReady(null, payload);
    }
    for (const each of [...listeners]) if (each.type === type) call(each.callback, payload);
  };

  const onPageShow = ({ persisted }) => {
    // Back from the back-forward cache. If the bus can, it rejects with PAGE_HIDDEN itself, before this.
    const before = all();
    const error = new BusError("PAGE_HIDDEN", "The page was put into the back-forward cache.");
    if (persisted) setTimeout(() => before.forEach((request) => request.giveUp(error)), LOOK);
  };

  // Chromium loses what a frame posts to its parent, and its load event, while a window is opened on the
  // frame's site, such as the provider's; never what comes over a port. This asks a bus that was not heard: a
  // request that is cancelled at once is answered at once, also while Python boots.
  const ping = () => {
    const payload = { id: "0" };
    const answered = () => watch.found() && hear({ type: "BUS.LISTENING" });
    post({ type: "AUTH.SSO", payload: {}, ...payload }, [portTo(answered)]);
    post({ type: "BUS.CANCEL", payload });
  };

  const watch = watchOver(iframe, url, born, life, hear, ping, failAll, (error) => {
    endReady(error);
    failAll(error);
  });

  // ---- what is asked -------------------------------------------------------------------------

  const link = {
    pending,
    post,
    tell,
    flush,
    hear,
    silence: watch.silence,
    onDead(error) {
      if (!dead) complain(error);
      dead = true;
      endReady(error);
    },
    // Pushes come over this port from now on, where no other script of this page hears them.
    listenTo(port) {
      pushes?.close();
      pushes = port;
    },
  };

  // Timers stop while a computer sleeps, so time limits are measured by the clock.
  const look = () => {
    clearTimeout(timer);
    if (life.signal.aborted) return;
    const now = Date.now();
    watch.look(now);
    const late = all().filter(({ until }) => now >= until);
    // After the messages that have already arrived: an answer among them wins.
    if (late.length) portTo(() => late.forEach((request) => request.expire())).postMessage(0);
    if (now >= born + timeout)
      endReady(
        new BusError(
          "TIMEOUT",
          `The bus was not ready within ${timeout} ms${watch.silence(": it listens, but its Python has not started")}.`,
        ),
      );
    const next = Math.min(settled ? Infinity : born + timeout, ...all().map(({ until }) => until));
    if (settled && !pending.size) return;
    timer = setTimeout(look, Math.min(LOOK, next - now));
  };

  // Sends a request. Resolves to the payload of its reply; rejects with a BusError.
  /** @type {(type: string, payload?: object, options?: RequestOptions) => Promise<any>} */
  const request = async (type, payload = {}, { timeout: limit = timeout, signal } = {}) => {
    if (signal?.aborted) throw aborted(signal);
    mustBeTime(limit);
    const fault = watch.look();
    if (fault) throw fault;
    const answer = ask(link, type, payload, limit, signal, replyPort ? new MessageChannel() : null);
    flush();
    look();
    return answer;
  };

  /** Calls `callback(payload)` for each pushed message of a type. Returns a function that unsubscribes. */
  const on = (type, callback) => {
    const listener = { type, callback };
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  /**
   * Removes the iframe and every listener, and rejects pending requests with DESTROYED. In WebKit, an
   * iframe whose bus is booting is hidden at once, and removed when the bus has started.
   */
  const destroy = () => {
    if (life.signal.aborted) return;
    life.abort();
    link.listenTo();
    watch.failWith(new BusError("DESTROYED", "The bus was destroyed."));
    if (up || !WEBKIT || !iframe.isConnected) iframe.remove();
    else removeWhenUp(iframe);
  };

  addEventListener("pageshow", onPageShow, life);
  document.addEventListener("visibilitychange", look, life);
  container.append(iframe);
  look();
  return { iframe, origin, timeout, ready, request, on, destroy };
}

function newFrame(src, title) {
  return Object.assign(document.createElement("iframe"), {
    src,
    title,
    hidden: true,
    tabIndex: -1,
    ariaHidden: "true",
    referrerPolicy: "no-referrer", // because this page's address may hold a code
  });
}

// Calls a function of the host. An error that it throws is reported, and stops nothing here.
function call(callback, value) {
  try {
    callback(value);
  } catch (error) {
    reportError(error);
  }
}

// ---- the document in the iframe ---------------------------------------------------------------

// Watches the document in the iframe, and finds out whether it is the bus, and if not, why. Calls
// `hear(message)` for each message of the bus, `ping()` when it should have spoken, `lose(error, true)` when
// requests that were sent are lost, and `fail(error)` when there is no bus.
function watchOver(iframe, url, born, life, hear, ping, lose, fail) {
  const { origin } = url;
  /** @type {string[] & {connect?: boolean}} */
  const policies = []; // what this page's own policy has blocked, as sentences
  let attached = false; // whether the iframe is in the page
  let spoken; // the window whose document has sent LISTENING
  let known = false; // whether a document has ever sent it: if so, the bus allows this page
  let expected = false; // whether a document that has sent LISTENING has yet to fire its load event
  let loadedAt = -Infinity; // the time of a load event that no LISTENING has followed yet
  /** @type {BusError | null} */
  let fault = null; // the diagnosis, until a LISTENING disproves it
  let turn = 0; // counts documents and diagnoses, so that the diagnosis of an earlier document is ignored
  let elsewhere; // the origin of a bus that `src` redirected to

  // A frame that is removed from the page and put back has a new window.
  const listening = () => spoken?.closed === false;
  const failWith = (error) => {
    turn++;
    fault = error;
    fail(error);
  };
  // There is a new document, which has none of the requests that were sent to the one before.
  const begin = () => {
    lose(new BusError("BUS_RELOADED", "The bus was reloaded or left its page."), true);
    fault = null;
    return ++turn;
  };
  // A document is the bus. Its load event was at most `since` milliseconds ago, or is still to come.
  const speaks = (since) => {
    begin(); // a bus that sends BUS.LISTENING again has none of the requests that were sent before
    spoken = iframe.contentWindow;
    known = true;
    expected = performance.now() - loadedAt > since;
    loadedAt = -Infinity;
    return true;
  };
  // It was not heard, but is the bus. Returns whether that is news.
  const found = () => !listening() && speaks(1e9);
  const certain = () => misconfiguration(iframe, origin, policies, elsewhere);

  /** @type {(loaded?: boolean) => Promise<void>} */
  const diagnose = async (loaded) => {
    const mine = ++turn;
    const error = certain() ?? (await silence(url, loaded, born, policies, known, ping));
    if (!error || mine !== turn || listening()) return;
    complain(error);
    failWith(error);
  };

  const onViolation = ({ effectiveDirective, blockedURI, disposition }) => {
    if (disposition !== "enforce" || !`${blockedURI}/`.startsWith(`${origin}/`)) return;
    if (effectiveDirective === "connect-src") policies.connect = true;
    if (!/(frame|child)-src/.test(effectiveDirective)) return;
    policies.push(`${effectiveDirective} blocked ${blockedURI}`);
    diagnose();
  };

  const onMessage = ({ source, origin: from, data }) => {
    if (source !== iframe.contentWindow) return;
    const says = data?.type === "BUS.LISTENING";
    if (from === origin) {
      if (says) speaks(SAME);
      if (data?.type === "BUS.READY") found();
      hear(data);
    } else if (says) elsewhere = from; // used only for a diagnosis
  };

  const onLoad = () => {
    if (expected) return void (expected = false);
    loadedAt = performance.now();
    spoken = null;
    const mine = begin();
    setTimeout(() => mine === turn && diagnose(true), GRACE);
  };

  addEventListener("message", onMessage, life);
  document.addEventListener("securitypolicyviolation", onViolation, life);
  iframe.addEventListener("load", onLoad, life);

  return {
    listening,
    found,
    failWith,
    // The end of a sentence that says why nothing comes: the bus is silent, or `other`.
    silence: (other) =>
      listening() ? other : iframe.isConnected ? `: ${origin} has said nothing` : ": its iframe is not in the page",
    // Looks for changes; returns the diagnosis, if there is one.
    look(now) {
      // Was the iframe removed, for example with a part of the page that was replaced, or put back?
      if (!life.signal.aborted && iframe.isConnected !== attached) {
        attached = !attached;
        fault = null;
        if (!attached) {
          expected = false;
          failWith(new BusError("DESTROYED", "The bus's iframe was removed from the page."));
        } else if (certain()) diagnose();
      }
      if (!turn && now >= born + SILENT) diagnose(false);
      return fault;
    },
  };
}

function removeWhenUp(iframe) {
  iframe.hidden = true;
  const leave = () => {
    removeEventListener("message", onUp);
    iframe.remove();
  };
  // An event's source is null if another listener has already removed the frame that it came from.
  const onUp = ({ source, data }) => {
    if (source && source === iframe.contentWindow && data?.type === "BUS.READY") leave();
  };
  addEventListener("message", onUp);
  setTimeout(leave, BOOT);
}

// ---- the life of a request --------------------------------------------------------------------

// One request: it waits in `pending` until it is sent, and ends with its reply, a failure, its limit or its signal.
function ask(link, type, payload, limit, signal, channel) {
  let port = channel?.port1; // closed with the request
  return new Promise((resolve, reject) => {
    const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    const began = Date.now();
    const end = (finish, value) => {
      if (!link.pending.delete(id)) return;
      link.flush();
      signal?.removeEventListener("abort", onAbort);
      port?.close();
      finish(value);
    };
    const entry = {
      sent: false,
      until: began + limit,
      send() {
        entry.sent = true;
        try {
          link.post({ type, payload, id }, channel ? [channel.port2] : []);
        } catch (error) {
          end(reject, error); // a payload that cannot be posted at all: DataCloneError
        }
      },
      settle(reply) {
        const fulfilled = reply.type === `${type}_FULFILLED`;
        if (!fulfilled && reply.type !== `${type}_REJECTED`) return;
        link.tell("<-", reply, began);
        if (fulfilled) {
          if (type === "BUS.INIT" && payload.services.includes("AUTH")) {
            link.listenTo(port);
            port = null; // stays open
          }
          return end(resolve, reply.payload);
        }
        const error = errorOf(reply);
        if (/BOOT_FAILED|RUNTIME_DIED/.test(error.code)) link.onDead(error);
        end(reject, error);
      },
      fail({ code, message, evidence, cause }) {
        link.tell("xx", { type: `${type} ${code}`, id }, began);
        // A new error for each request, because `sent` differs.
        end(reject, new BusError(code, message, { evidence, cause, sent: entry.sent }));
      },
      giveUp(error) {
        // A request that was not sent needs no BUS.CANCEL. BUS.CANCEL itself gets no reply.
        if (!link.pending.has(id)) return;
        if (entry.sent) link.post({ type: "BUS.CANCEL", payload: { id } });
        entry.fail(error);
      },
      expire: () =>
        entry.giveUp(
          new BusError(
            "TIMEOUT",
            `No answer within ${limit} ms${entry.sent ? "" : link.silence(": too many requests before it")}.`,
          ),
        ),
    };
    const onAbort = () => entry.giveUp(aborted(signal));
    signal?.addEventListener("abort", onAbort);
    link.pending.set(id, entry);
    if (port) port.onmessage = ({ data }) => link.hear(data);
  });
}

function aborted({ reason }) {
  return new BusError("ABORTED", "The request was aborted.", { cause: reason });
}

// An invalid time limit would cause a loop without a pause.
function mustBeTime(limit) {
  // Catches NaN as well.
  if (limit !== +limit) throw new TypeError("timeout must be a number of milliseconds.");
}

// Returns a port. Calls back once, when a message comes over it.
function portTo(callback) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    callback();
  };
  return port2;
}

function errorOf({ payload, meta }) {
  const error = payload?.error;
  const more = { error, meta, sent: true };
  if (meta?.source === "bus") return new BusError(error.code, error.message, more);
  return new BusError("REJECTED", "The backend rejected the request.", more);
}

// ---- what is wrong when the bus is silent -----------------------------------------------------

/** @param {BusError} error */
function complain({ code, message, evidence = [], help }) {
  console.error([`sso-bus: ${code}: ${message}`, ...evidence, `see ${help}`].join("\n- "));
}

// Returns what this page can find out for certain, as a BusError; or undefined.
function misconfiguration(iframe, origin, policies, elsewhere) {
  const found = (message, ...evidence) => new BusError("MISCONFIGURED", message, { evidence });
  const { origin: own } = self;
  const sandbox = iframe.getAttribute("sandbox");
  const lacks = ["allow-scripts", "allow-same-origin"].filter((word) => sandbox?.includes(word) === false);
  if (policies.length)
    return found("This page's Content-Security-Policy forbids the bus: add it to frame-src.", ...policies);
  if (lacks.length)
    return found(`Too tight a sandbox: add ${lacks.join(" and ")} to its sandbox attribute.`, `sandbox="${sandbox}"`);
  if (!SAYABLE.test(own) || INSECURE.test(own))
    return found(
      "No bus can allow this page: its origin is opaque (sandboxed, data:, file:), or not https: (http: on localhost) with a plain host name.",
      `self.origin is "${own}"`,
    );
  if (own.startsWith("https:") && INSECURE.test(origin))
    return found(`An https: page cannot embed an http: bus: serve ${origin} over https:.`);
  if (elsewhere) return found(`src leads to ${elsewhere}: give that address as src.`);
}

// Returns the likeliest cause of the silence, as a BusError; undefined if the bus may only be slow.
async function silence(url, loaded, born, policies, known, ping) {
  ping();
  /** @type {any[]} */
  const [{ reason: failed }] = await Promise.allSettled([
    fetch(url, { mode: "no-cors", cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" }),
    new Promise((resolve) => setTimeout(resolve, GRACE)), // for the answer, and for the report of a policy's violation
  ]);
  const unsure = failed && (policies.connect || self.crossOriginIsolated);
  const evidence = [
    `the iframe has ${loaded ? "" : "not "}loaded`,
    `no BUS.LISTENING came in ${Date.now() - born} ms`,
    failed
      ? policies.connect
        ? "this page's connect-src forbids asking whether it is up"
        : `a request to it failed${unsure ? ", or this page's Cross-Origin-Embedder-Policy forbids it" : ""}`
      : "a request to it was answered, so it is up",
  ];
  const nobody = navigator.onLine
    ? "the bus is down, the address is wrong, or a blocker is in the way (an extension, a proxy)"
    : "the browser is offline";
  if (failed && !unsure)
    return new BusError("BUS_UNREACHABLE", `Nobody answers at ${url.href}: ${nobody}.`, { evidence });
  if (!loaded) return; // it may only be slow
  const refused = known
    ? "The iframe shows no bus any more."
    : `The bus at ${url.origin} does not speak to this page. It probably does not allow it: add ${self.origin} to allowed_origins. Or a blocker is in the way (an extension, a proxy).`;
  return new BusError(
    "NOT_ALLOWED",
    `${refused} Or there is no bus at ${url.href}, or its scripts come with a wrong type.`,
    { evidence },
  );
}
