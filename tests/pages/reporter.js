// Reports what WebKit's driver does not: console lines, uncaught errors, and policy violations.
//
// The test server puts this first in every page that it serves to a WebKit of the tests. The page
// sees no difference: all goes to its own origin by a fetch that was taken before others wrap it.
"use strict";

(() => {
  const { fetch } = window;
  const address = new URL("/report", document.currentScript.src);
  const sending = new Set();

  const send = (kind, text) => {
    const body = JSON.stringify({ kind, text });
    // Kept alive: a frame that is removed right after it spoke has still spoken. Such requests may
    // hold 64 KiB together.
    const keepalive = body.length < 8192;
    const sent = fetch(address, { method: "POST", body, keepalive, mode: "no-cors", credentials: "omit" })
      .catch(() => {})
      .finally(() => sending.delete(sent));
    sending.add(sent);
  };

  const said = (value) => {
    try {
      if (value instanceof Error) return `${value.name}: ${value.message}`;
      return String(value);
    } catch {
      return typeof value; // an object without prototype, a window of another origin
    }
  };

  for (const level of ["debug", "log", "info", "warn", "error"]) {
    const original = console[level];
    console[level] = (...values) => {
      send("line", values.map(said).join(" "));
      return original.apply(console, values);
    };
  }
  addEventListener("error", ({ error, message }) => send("error", error ? said(error) : message));
  addEventListener("unhandledrejection", ({ reason }) => send("error", said(reason)));
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
    send("line", `Content Security Policy: ${effectiveDirective} forbids ${blockedURI}`),
  );

  // For the tests: resolves when all that was said has arrived. In a closed window, nothing happens any more.
  Object.defineProperty(window, Symbol.for("reported"), { value: () => window.closed || Promise.all(sending) });
})();
