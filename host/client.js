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

/**
 * Why a request failed.
 * `code`: the bus's error code (see the README's table), "REJECTED" for an error of the backend's
 * own, or one of this module: "TIMEOUT", "ABORTED", "DESTROYED", "BUS_RELOADED".
 * `error`: what the reply held: the backend's JSON unchanged, or the bus's {code, message, details}.
 * `meta`: {source: "backend" | "bus", status?}, where there was a reply.
 */
export class BusError extends Error {
  constructor(code, message, { error, meta, cause } = {}) {
    super(message, { cause });
    this.name = "BusError";
    this.code = code;
    this.error = error;
    this.meta = meta;
  }
}

/**
 * Embeds a bus in this page.
 * `src`: the address of the bus page. `timeout`: the default limit of a request. `container`: the
 * element that gets the iframe. `title`: the iframe's title. `replyPort`: false makes replies come
 * to this window instead of over a port.
 * Returns {iframe, origin, ready, request, on, destroy}. Throws TypeError for a bad `src`.
 */
export function embed({ src, timeout = DEFAULT_TIMEOUT, container = document.body, title = "Single sign-on", replyPort = true }) {
  const url = new URL(src, document.baseURI);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`src must be an http(s) address, not ${url.protocol}`);
  const { origin } = url;
  const listeners = new Map(); // type -> set of callbacks
  const pending = new Map(); // id -> {send, settle, sent}
  let listening = false;
  let destroyed = false;

  const iframe = document.createElement("iframe");
  iframe.src = url.href;
  iframe.title = title;
  iframe.hidden = true;
  iframe.tabIndex = -1;
  iframe.setAttribute("aria-hidden", "true");
  iframe.referrerPolicy = "no-referrer"; // this page's address may hold a code

  const post = (message, ports) => iframe.contentWindow?.postMessage(message, origin, ports);

  let onReady;
  const ready = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new BusError("TIMEOUT", `The bus was not ready within ${timeout} ms.`)), timeout);
    onReady = (end, value) => {
      clearTimeout(timer);
      (end ? reject : resolve)(value);
    };
  });
  ready.catch(() => {}); // whoever cares awaits it

  const settle = (id, reply) => pending.get(id)?.settle(reply);

  const flush = () => {
    // A bus that says LISTENING anew has been reloaded and knows nothing of what was sent before.
    for (const request of [...pending.values()]) {
      if (request.sent) request.fail(new BusError("BUS_RELOADED", "The bus was reloaded before it answered."));
      else request.send();
    }
  };

  const onMessage = (event) => {
    if (event.source !== iframe.contentWindow || event.origin !== origin) return;
    const { type, payload, id } = event.data ?? {};
    if (typeof type !== "string") return;
    if (type === "BUS.LISTENING") {
      listening = true;
      flush();
    } else if (type === "BUS.READY") onReady(null, payload);
    else if (/_(FULFILLED|REJECTED)$/.test(type)) return settle(id, event.data);
    for (const callback of [...(listeners.get(type) ?? [])]) callback(payload);
  };
  addEventListener("message", onMessage);
  container.append(iframe);

  /** Sends a request. Resolves to the payload of its reply, or rejects with a BusError. */
  const request = (type, payload = {}, { timeout: limit = timeout, signal } = {}) =>
    new Promise((resolve, reject) => {
      if (destroyed) return reject(new BusError("DESTROYED", "The bus was destroyed."));
      const aborted = () => new BusError("ABORTED", "The request was aborted.", { cause: signal.reason });
      if (signal?.aborted) return reject(aborted());

      const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const channel = replyPort ? new MessageChannel() : null;
      const end = (finish, value) => {
        if (!pending.delete(id)) return;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        channel?.port1.close();
        finish(value);
      };
      const giveUp = (error) => {
        // Before it was sent there is nothing to cancel; later, BUS.CANCEL has no reply of its own.
        if (pending.get(id)?.sent) post({ type: "BUS.CANCEL", payload: { id } });
        end(reject, error);
      };
      const onAbort = () => giveUp(aborted());
      const entry = {
        sent: false,
        send() {
          entry.sent = true;
          try {
            post({ type, payload, id }, channel ? [channel.port2] : []);
          } catch (error) {
            end(reject, error); // a payload that cannot be posted at all: DataCloneError
          }
        },
        settle(reply) {
          if (reply?.type === `${type}_FULFILLED`) return end(resolve, reply.payload);
          if (reply?.type === `${type}_REJECTED`) end(reject, errorOf(reply));
        },
        fail: (error) => end(reject, error),
      };
      const timer = setTimeout(() => giveUp(new BusError("TIMEOUT", `No answer within ${limit} ms.`)), limit);
      signal?.addEventListener("abort", onAbort);
      pending.set(id, entry);
      if (channel) channel.port1.onmessage = ({ data }) => entry.settle(data);
      if (listening) entry.send();
    });

  /** Calls `callback(payload)` for each pushed message of a type. Returns what unsubscribes it. */
  const on = (type, callback) => {
    if (!listeners.has(type)) listeners.set(type, new Set());
    listeners.get(type).add(callback);
    return () => listeners.get(type).delete(callback);
  };

  /** Removes the iframe and every listener; what is pending is rejected with DESTROYED. */
  const destroy = () => {
    if (destroyed) return;
    destroyed = true;
    removeEventListener("message", onMessage);
    const error = new BusError("DESTROYED", "The bus was destroyed.");
    onReady(true, error);
    for (const entry of [...pending.values()]) entry.fail(error);
    listeners.clear();
    iframe.remove();
  };

  return { iframe, origin, ready, request, on, destroy };
}

function errorOf({ payload, meta }) {
  const error = payload?.error;
  if (meta?.source === "bus") return new BusError(error.code, error.message, { error, meta });
  return new BusError("REJECTED", "The backend rejected the request.", { error, meta });
}
