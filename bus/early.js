// The early listener: the first script of the bus page.
//
// It is JavaScript because it must live before Python does and after Python has died. It lets in
// only what the gate lets in (protocol.md, "The gate", rules 1 and 2), turns data into JSON text,
// keeps messages until Python serves, answers for a Python that never comes (BOOT_FAILED) or has
// died (RUNTIME_DIED), and starts PyScript. Python judges every message again, and decides.
"use strict";

(() => {
  const MAX_WAITING = 64;
  const MAX_BYTES = 65536;
  const MAX_DEPTH = 64;
  const { dataset } = document.currentScript;
  const { settings, types, debug = false } = JSON.parse(document.getElementById("bus-settings").textContent);
  const allowed = new Set(settings.allowed_origins);
  const parent = window.parent;
  const hasOwn = Object.hasOwn;
  const log = (line) => console.debug(`sso-bus: ${line}`);

  if (parent === window) {
    // Opened in a tab: tell a person what this is, and answer nobody.
    document.addEventListener("DOMContentLoaded", () => {
      document.querySelector("main").hidden = false;
    });
    return;
  }
  if (self.origin === "null") {
    console.error(
      "sso-bus: this page has an opaque origin, so nobody can post to it by origin. " +
        'If the iframe has a sandbox attribute, add "allow-same-origin" and "allow-scripts" to it.',
    );
    return;
  }

  // ---- the gate, first time ----------------------------------------------------------------

  const refusal = (event) => {
    if (!event.isTrusted) return "made by a script";
    if (event.source !== parent) return "not from the window that embeds the bus";
    if (!allowed.has(event.origin)) return "origin not allowed";
    return null;
  };

  // ---- data to text ------------------------------------------------------------------------

  const FROM_BUS = [
    "BUS.LISTENING",
    "BUS.READY",
    "AUTH.TOKEN_REFRESHED",
    "AUTH.REFRESH_TOKEN_EXPIRED",
    "AUTH.SESSION_CHANGED",
  ];
  const isRequestType = (type) =>
    typeof type === "string" &&
    type.length <= 64 &&
    /^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$/.test(type) &&
    !/_(FULFILLED|REJECTED)$/.test(type) &&
    !FROM_BUS.includes(type);

  const isPlain = (value) =>
    value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;

  // What keeps a value from being JSON-shaped, as a sentence without the value; or null.
  // `left.bytes` is counted down by what the JSON text has at least, so that a huge value ends
  // the walk early; a cycle ends at MAX_DEPTH.
  const problemIn = (value, path, depth, left) => {
    const at = () => (path.length > 128 ? `${path.slice(0, 128)}…` : path);
    left.bytes -= typeof value === "string" ? value.length + 2 : 1;
    if (left.bytes < 0) return `The message is larger than ${MAX_BYTES} bytes of JSON.`;
    switch (typeof value) {
      case "string":
        return value.isWellFormed() ? null : `${at()} is not well-formed: it holds a lone surrogate.`;
      case "boolean":
        return null;
      case "number":
        return Number.isFinite(value) ? null : `${at()} is not a finite number.`;
      case "object":
        break;
      default:
        return `${at()} is of type ${typeof value}, which JSON does not have.`;
    }
    if (value === null) return null;
    if (depth > MAX_DEPTH) return `The payload is nested deeper than ${MAX_DEPTH} levels.`;
    const keys = Object.keys(value);
    if (Array.isArray(value)) {
      // Holes and named properties both show in the keys, and both would be lost.
      if (value.length > left.bytes) return `The message is larger than ${MAX_BYTES} bytes of JSON.`;
      if (keys.length !== value.length || keys.some((key, i) => key !== String(i)))
        return `${at()} is an array with holes or names.`;
    } else if (!isPlain(value)) return `${at()} is not a plain object, array, string, number, boolean or null.`;
    for (const key of keys) {
      if (!key.isWellFormed()) return `${at()} has a key that is not well-formed.`;
      const found = problemIn(value[key], `${path}.${key}`, depth + 1, left);
      if (found) return found;
      left.bytes -= Array.isArray(value) ? 1 : key.length + 3;
    }
    return null;
  };

  // A message that got past the gate, as {type, id, problem, text}; or null if it is no request.
  const read = (data, ports) => {
    if (!isPlain(data) || !hasOwn(data, "type") || !isRequestType(data.type)) return null;
    const message = { type: data.type };
    let problem = null;
    if (hasOwn(data, "id")) {
      const { id } = data;
      if (typeof id === "string" && id.length >= 1 && id.length <= 128 && id.isWellFormed()) message.id = id;
      else problem = "The id is not a well-formed string of 1 to 128 characters.";
    }
    if (ports.length > 1) problem = "More than one port came with the message.";
    else if (!hasOwn(data, "payload") || !isPlain(data.payload)) problem ??= "The payload is not a plain object.";
    else problem ??= problemIn(data.payload, "payload", 1, { bytes: MAX_BYTES });
    if (!problem) {
      const text = JSON.stringify({ ...message, payload: data.payload });
      const bytes = new TextEncoder().encode(text).length;
      if (bytes <= MAX_BYTES) return { ...message, problem, text, bytes };
      problem = `The message is larger than ${MAX_BYTES} bytes of JSON.`;
    }
    return { ...message, problem, text: JSON.stringify({ ...message, problem }) };
  };

  // ---- what a debug build tells the host (README, "Beyond the protocol") --------------------

  const announce = (message) => {
    for (const origin of allowed) parent.postMessage(message, origin);
  };

  // Facts alone, never a value that was sent; and of who is not let in, nothing but where from.
  const tell = (facts) => {
    if (!debug) return;
    const at = Date.now(); // the host's process has the same clock
    announce({ type: "BUS.DEBUG", payload: JSON.parse(JSON.stringify({ at, ...facts })) });
  };

  // Who floods the bus must not flood the host: what is not let in is told MAX_TOLD times in a
  // second, and the rest is counted.
  const MAX_TOLD = 20;
  const untold = new Map(); // reason -> how many
  let told = 0;
  const ignored = (reason, origin) => {
    log(`ignored: ${reason}`);
    if (!debug) return;
    if (++told <= MAX_TOLD) tell({ event: "dropped", reason, origin });
    else untold.set(reason, (untold.get(reason) ?? 0) + 1);
  };
  const tellReply = (number, { origin, port }, { type, id, meta, payload }) => {
    const code = meta.source === "bus" ? payload.error.code : undefined; // a backend's error is its own
    tell({ event: "replied", number, type, id, origin, port: Boolean(port), ...meta, code });
  };
  const tellRest = () => {
    for (const [reason, more] of untold) tell({ event: "dropped", reason, more });
    untold.clear();
    told = 0;
  };
  if (debug) setInterval(tellRest, 1000);

  // ---- messages and their one reply --------------------------------------------------------

  let state = "booting"; // then "serving" or "down"
  let down = null; // the error that answers everything once the state is "down"
  let python = null; // {receive, alive}
  let count = 0;
  const open = new Map(); // number -> {source, origin, port, type, id}; until its reply
  const waiting = new Map(); // number -> [event, text]; until Python serves

  const drop = (number) => {
    open.get(number)?.port?.close();
    open.delete(number);
    waiting.delete(number);
  };

  const post = (number, reply) => {
    const to = open.get(number);
    if (!to) return;
    if (debug) tellReply(number, to, reply);
    if (to.port) to.port.postMessage(reply);
    else to.source.postMessage(reply, to.origin);
    drop(number);
  };

  const reject = (number, code, message) => {
    const { type, id } = open.get(number);
    const reply = { type: `${type}_REJECTED`, payload: { error: { code, message } }, meta: { source: "bus" } };
    post(number, id === undefined ? reply : { ...reply, id });
  };

  const waitsUnder = (id, but) =>
    id === undefined ? undefined : [...open].find(([number, entry]) => number !== but && entry.id === id)?.[0];

  // Python is not there yet: keep the message, or answer for Python in the protocol's order.
  const keep = (number, event, { type, id, problem, text }) => {
    if (type === "BUS.CANCEL") {
      const { payload } = event.data;
      const fits = !problem && Object.keys(payload).length === 1;
      const cancelled = fits ? waitsUnder(payload.id, number) : undefined;
      if (cancelled) reject(cancelled, "CANCELLED", "The host cancelled the request.");
      return drop(number);
    }
    const served = types.includes(type);
    if (served && !problem && waitsUnder(id, number)) {
      tell({ event: "dropped", number, reason: "a second delivery" });
      return drop(number);
    }
    if (waiting.size < MAX_WAITING) return waiting.set(number, [event, text]);
    if (!served) return reject(number, "UNKNOWN_TYPE", "This bus does not serve messages of this type.");
    if (problem) return reject(number, "INVALID_MESSAGE", problem);
    reject(number, "OVERLOADED", `${MAX_WAITING} requests wait for Python already.`);
  };

  const deliver = (number, event, text) => {
    try {
      // What Python's gate judges, read anew. Facts cross, and text; never a window: a proxy of one
      // takes half a millisecond to make.
      python.receive(number, event.isTrusted, event.source === parent, event.origin, text);
    } catch (error) {
      died(error);
    }
  };

  addEventListener("message", (event) => {
    if (event.source === window) return; // Pyodide's event loop posts to its own window
    event.stopImmediatePropagation(); // no other listener of this page sees what comes from outside
    const why = refusal(event);
    if (why) return ignored(why, event.origin);
    const message = read(event.data, event.ports);
    if (message === null) {
      for (const port of event.ports) port.close();
      return ignored("not a request", event.origin);
    }
    const number = ++count;
    if (event.ports.length > 1) for (const port of event.ports) port.close();
    const port = event.ports.length === 1 ? event.ports[0] : null;
    const { type, id, bytes } = message;
    open.set(number, { source: event.source, origin: event.origin, port, type, id });
    tell({ event: "accepted", number, type, id, origin: event.origin, port: Boolean(port), bytes, state });
    if (state === "serving") deliver(number, event, message.text);
    else if (state === "booting") keep(number, event, message);
    else if (message.type === "BUS.CANCEL") drop(number);
    else reject(number, ...down);
  });

  // ---- Python's end of it --------------------------------------------------------------------

  const goDown = (code, message, reason) => {
    state = "down";
    down = [code, message];
    console.error(`sso-bus: ${message} ${reason}`);
    for (const number of [...open.keys()]) reject(number, code, message);
  };

  const fail = (reason) => {
    if (state === "booting") goDown("BOOT_FAILED", "The Python runtime could not start.", reason);
  };

  // The reason is not shown whole: what a dying runtime says may hold what it was working on.
  const died = (error) => {
    if (state === "serving") goDown("RUNTIME_DIED", "The Python runtime died.", error?.name ?? "");
  };

  // The import map holds the hash of each file. Browsers check modules by it; main.py, archives and
  // what else is fetched are checked because fetch is told the hash here.
  const map = JSON.parse(document.querySelector('script[type="importmap"]')?.textContent ?? "{}");
  const absolute = (address) => new URL(address, document.baseURI).href;
  const hashes = new Map(Object.entries(map.integrity ?? {}).map(([path, hash]) => [absolute(path), hash]));
  const { fetch } = window;
  const checked = (what, options) => {
    const integrity = hashes.get(absolute(what?.url ?? what));
    return fetch(what, integrity ? { ...options, integrity } : options);
  };
  // For what may fail, because there is another way: rejects, and ends no boot.
  const tryFetch = async (address, options) => {
    const response = await checked(address, options);
    if (!response.ok) throw new Error(`${response.status} for ${name(address)}`);
    return response;
  };

  const parts = {}; // for interpreter.mjs, see below

  globalThis.ssoBus = Object.freeze({
    settings: JSON.stringify(settings),
    debug,
    tell: (text) => tell(JSON.parse(text)),
    serve(receive, alive, ready) {
      if (state !== "booting") return; // too late: everything was answered BOOT_FAILED
      state = "serving";
      python = { receive, alive };
      announce(JSON.parse(ready));
      for (const [number, [event, text]] of waiting) deliver(number, event, text);
      waiting.clear();
    },
    reply: (number, text) => post(number, JSON.parse(text)),
    // Python never awaits a promise of fetch's itself: WebKit rejects those with errors that have
    // no `stack`, Pyodide does not take such for errors, and Python would wait forever.
    async settled(object, method, ...args) {
      try {
        return { failed: false, value: await object[method](...args) };
      } catch {
        return { failed: true };
      }
    },
    drop,
    fail,
    died,
    tryFetch,
    parts,
  });

  // Once a second: has Python come in time, is it still alive while somebody waits for it?
  // By the wall clock, since timers stand still while a machine sleeps.
  let deadline = Date.now() + settings.boot_timeout_seconds * 1000;
  const look = () => {
    if (state === "booting" && Date.now() > deadline) {
      fail(`It took more than ${settings.boot_timeout_seconds} seconds.`);
    } else if (state === "serving" && open.size) {
      try {
        python.alive();
      } catch (error) {
        died(error);
      }
    }
  };
  setInterval(look, 1000);
  addEventListener("pageshow", ({ persisted }) => {
    // Back from the back-forward cache: a boot that was frozen gets its time again.
    if (persisted) deadline = Date.now() + settings.boot_timeout_seconds * 1000;
  });

  // ---- the boot ------------------------------------------------------------------------------

  // A script that does not load or throws ends the boot at once. Afterwards, an error may mean
  // that Python has died.
  const name = (url) => String(url?.url ?? url).replace(/^.*\//, "");
  const onError = (event) => {
    const { target, message, reason } = event;
    if (target instanceof HTMLElement) fail(`${name(target.src ?? target.href)} could not be loaded.`);
    else fail(String(message ?? reason?.message ?? reason));
    look();
  };
  addEventListener("error", onError, true);
  addEventListener("unhandledrejection", onError);

  // So does a part that is not there: without this, a missing file leaves Pyodide waiting forever.
  const begun = new Map(); // address -> promise of the answer, for the first to ask
  window.fetch = async (...args) => {
    if (state !== "booting") return fetch(...args);
    const answer = begun.get(absolute(args[0]?.url ?? args[0]));
    if (answer) return answer;
    try {
      const response = await checked(...args);
      if (!response.ok) fail(`${name(args[0])} was answered with status ${response.status}.`);
      return response;
    } catch (error) {
      fail(`${name(args[0])} could not be fetched, or is not the file that was built.`);
      throw error;
    }
  };

  // And so does a WebAssembly file that is none.
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = (...args) => {
    const made = instantiateStreaming.apply(WebAssembly, args);
    made.catch((error) => fail(`WebAssembly: ${error.message}`));
    return made;
  };

  // PyScript opens IndexedDB and does not start without it, yet a cross-site iframe may be refused
  // all storage. The bus stores nothing, so PyScript always gets this stand-in, which forgets.
  const request = (result, more) => {
    const made = { result, ...more };
    queueMicrotask(() => made.onsuccess?.({ target: made }));
    return made;
  };
  const store = {
    count: () => request(0),
    clear: () => request(undefined),
    delete: () => request(undefined),
    get: () => request(undefined),
    getKey: () => request(undefined),
    getAllKeys: () => request([]),
    put: (_value, key) => request(key),
  };
  const database = { transaction: () => ({ objectStore: () => store }), close() {} };
  Object.defineProperty(window, "indexedDB", { value: { open: () => request(database) } });

  announce({ type: "BUS.LISTENING", payload: { protocol: 1 } });

  // PyScript looks for its config when it is imported, and must find the script only after the
  // hook is gone that composes worker code with Function(…), which the page's policy forbids.
  const { config, preload } = dataset;
  // Chromium compiles a module again each time while it comes in, and never looks whether it has kept
  // the code (`MaybeCreateConsumeCodeCacheTask` in its script_streamer.cc), but it does look if the
  // file was asked for as a script. Other browsers would fetch it twice.
  const asked = "userAgentData" in navigator ? { rel: "preload", as: "script" } : { rel: "modulepreload" };
  for (const href of preload.split(" ").filter(Boolean)) {
    const integrity = hashes.get(absolute(href)) ?? "";
    document.head.append(Object.assign(document.createElement("link"), asked, { crossOrigin: "", integrity, href }));
  }
  const inline = config.startsWith("{");
  for (const tag of ["py-config", "mpy-config"]) {
    // The second is never used; without it, PyScript would load all its plugins for it.
    const element = document.createElement(tag);
    if (inline) {
      element.setAttribute("type", "json");
      element.textContent = config;
    } else element.setAttribute("src", config);
    document.head.append(element);
  }
  // The interpreter starts now, not when PyScript has got that far; PyScript reports its errors.
  if (inline) import(new URL(JSON.parse(config).interpreter, document.baseURI)).catch(() => {});
  // PyScript would fetch the script only when Python is up. The answer waits for it in `begun`.
  const from = (id) => document.getElementById(id).content.firstElementChild;
  const script = from("bus-main");
  const main = absolute(script.getAttribute("src"));
  begun.set(main, window.fetch(main));
  // What takes longest begins here and not in interpreter.mjs, which has yet to be loaded itself:
  // WebAssembly is compiled while it streams in. What fails is for interpreter.mjs to tell. The
  // modules were asked for first: they are small, and nothing runs without them.
  const [wasm, library, snapshot] = dataset.parts.split(" ").filter(Boolean);
  if (wasm) {
    parts.core = WebAssembly.compileStreaming(tryFetch(wasm));
    parts.library = WebAssembly.compileStreaming(tryFetch(library));
    // Needed after the code.
    parts.snapshot = tryFetch(snapshot, { priority: "low" }).then((response) => response.arrayBuffer());
    for (const part of Object.values(parts)) part.catch(() => {});
  }
  // By an element, and imported when that has run: if a frame is removed while it imports a module
  // that awaits at its top level, as PyScript's does, WebKit tries without end and the tab hangs.
  const core = from("bus-core");
  core.addEventListener("load", async () => {
    try {
      const { hooks } = await import(core.src);
      hooks.worker.onBeforeRunAsync.clear();
      script.addEventListener("py:done", () => fail("main.py ended without starting the bus."));
      document.head.append(script);
    } catch (error) {
      fail(`PyScript could not be loaded: ${error.message}`);
    }
  });
  document.head.append(core);
})();
