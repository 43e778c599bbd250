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
  const { dataset, src: address } = document.currentScript;
  const { settings, types, debug = false } = JSON.parse(document.getElementById("bus-settings").textContent);
  const allowed = new Set(settings.allowed_origins);
  const parent = window.parent;
  // Browsers from before 2023 lack the one or both: they get an answer as well, if it is BOOT_FAILED.
  Object.hasOwn ??= (object, key) => Object.prototype.hasOwnProperty.call(object, key);
  String.prototype.isWellFormed ??= function () {
    return !/\p{Surrogate}/u.test(this);
  };
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

  // The browser's own, before PyScript gets its stand-ins; where it is refused, some browsers throw
  // already here.
  const own = (what) => {
    try {
      return window[what];
    } catch {
      return undefined;
    }
  };
  const originals = { indexedDB: own("indexedDB"), BroadcastChannel: own("BroadcastChannel") };

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
    // Cut, but not in the middle of a surrogate pair: a sentence must be well-formed as well.
    const at = () => (path.length > 128 ? `${path.slice(0, 128).replace(/[\ud800-\udbff]$/, "")}…` : path);
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

  // ---- what a debug build tells the host (protocol.md, "Debug builds") --------------------

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
  const open = new Map(); // number -> {source, origin, port, type, id, signsOut, good}; until its reply
  const kept = new Map(); // number -> {source, origin, port}; where pushes go, until `drop`
  const waiting = new Map(); // number -> [event, text]; until Python serves

  const drop = (number) => {
    for (const map of [open, kept]) {
      map.get(number)?.port?.close();
      map.delete(number);
    }
    waiting.delete(number);
  };

  const send = (to, message) => {
    if (to.port) to.port.postMessage(message);
    else to.source.postMessage(message, to.origin);
  };

  const post = (number, reply, { keeps = false } = {}) => {
    const to = open.get(number);
    if (!to) return;
    if (debug) tellReply(number, to, reply);
    send(to, reply);
    if (keeps) {
      open.delete(number); // its id and its slot are free, and nobody answers it again
      kept.set(number, to);
    } else drop(number);
  };

  const push = (number, message) => {
    const to = kept.get(number);
    if (to) send(to, message);
  };

  const reject = (number, code, message) => {
    const { type, id } = open.get(number);
    const reply = { type: `${type}_REJECTED`, payload: { error: { code, message } }, meta: { source: "bus" } };
    post(number, id === undefined ? reply : { ...reply, id });
  };

  // ---- what a session needs of the browser -------------------------------------------------

  // Nobody awaits session.mjs but who calls one of its methods. That it is there is told below.
  const session = settings.session ? import(new URL("session.mjs", address).href).then(({ open }) => open(originals)) : null;
  const inSession = async (method, ...args) => (await session)[method](...args);

  const SIGNING_OUT_SECONDS = 2;

  // Where Python cannot serve, a sign-out ends what is stored, and what other tabs have, before it is
  // rejected: a host that does not ask again has signed its user out here all the same.
  const rejectSignOut = async (number, code, message) => {
    const { origin } = open.get(number);
    const late = new Promise((resolve) => setTimeout(resolve, SIGNING_OUT_SECONDS * 1000));
    const stored = settings.session.persist === "partition";
    const erased = Promise.resolve(stored && inSession("erase", origin)).then(() =>
      inSession("say", JSON.stringify({ kind: "OUT", origin, generation: "" })),
    );
    try {
      await Promise.race([erased, late]);
    } catch (error) {
      console.error(`sso-bus: what is stored could not be erased: ${error?.name}`);
    }
    if (open.has(number)) reject(number, code, message);
  };

  const rejectDown = (number) => {
    if (open.get(number).signsOut) rejectSignOut(number, ...down);
    else reject(number, ...down);
  };

  // The requests that wait under an id and may take a slot: those that will only be answered
  // UNKNOWN_TYPE or INVALID_MESSAGE do not. Usually one: see `keep`.
  const waitUnder = (id) =>
    id === undefined ? [] : [...waiting.keys()].filter((number) => open.get(number).good && open.get(number).id === id);

  // Python is not there yet: keep the message, or answer for Python in the protocol's order.
  const keep = (number, event, { type, id, problem, text }) => {
    if (type === "BUS.CANCEL") {
      const { payload } = event.data;
      const fits = !problem && Object.keys(payload).length === 1;
      const [first, ...again] = fits ? waitUnder(payload.id) : [];
      if (first) reject(first, "CANCELLED", "The host cancelled the request.");
      for (const each of [number, ...again]) drop(each);
      return;
    }
    const served = types.includes(type);
    const good = served && !problem;
    // The same once more is a second delivery. What says something else under that id waits for
    // Python's judgement: had the first an invalid payload, its id will be free by then.
    const [first] = good ? waitUnder(id) : [];
    if (first && (waiting.size >= MAX_WAITING || waiting.get(first)[1] === text)) {
      tell({ event: "dropped", number, reason: "a second delivery" });
      return drop(number);
    }
    if (waiting.size < MAX_WAITING) {
      open.get(number).good = good;
      return waiting.set(number, [event, text]);
    }
    if (!served) return reject(number, "UNKNOWN_TYPE", "This bus does not serve messages of this type.");
    if (problem) return reject(number, "INVALID_MESSAGE", problem);
    reject(number, "OVERLOADED", `${MAX_WAITING} requests wait for Python already.`);
  };

  const deliver = (number, event, text) => {
    try {
      // What Python's gate judges, read anew. Facts cross, and text; never a window: a proxy of one
      // takes half a millisecond to make.
      const { port } = open.get(number);
      python.receive(number, event.isTrusted, event.source === parent, event.origin, text, Boolean(port));
    } catch (error) {
      died(error);
    }
  };

  addEventListener("message", (event) => {
    if (event.source === window) return; // Pyodide's event loop posts to its own window
    event.stopImmediatePropagation(); // no other listener of this page sees what comes from outside
    const why = refusal(event);
    const message = why ? null : read(event.data, event.ports);
    if (message === null) {
      for (const port of event.ports) port.close();
      return ignored(why ?? "not a request", event.origin);
    }
    const number = ++count;
    if (event.ports.length > 1) for (const port of event.ports) port.close();
    const port = event.ports.length === 1 ? event.ports[0] : null;
    const { type, id, bytes, problem } = message;
    const signsOut = type === "AUTH.SIGN_OUT" && types.includes(type) && !problem;
    open.set(number, { source: event.source, origin: event.origin, port, type, id, signsOut });
    tell({ event: "accepted", number, type, id, origin: event.origin, port: Boolean(port), bytes, state });
    if (state === "serving") deliver(number, event, message.text);
    else if (state === "booting") keep(number, event, message);
    else if (message.type === "BUS.CANCEL") drop(number);
    else rejectDown(number);
  }, true);

  // ---- Python's end of it --------------------------------------------------------------------

  const goDown = (code, message, reason) => {
    state = "down";
    down = [code, message];
    console.error(`sso-bus: ${message} ${reason}`);
    for (const number of [...kept.keys()]) drop(number);
    for (const number of [...open.keys()]) rejectDown(number);
  };

  // All that the host hears of why; the console has the rest. docs/errors.md lists them.
  const REASONS = {
    noWebAssembly: "This browser has no WebAssembly, or has it switched off.",
    policy: "A Content-Security-Policy forbids WebAssembly: its script-src lacks 'wasm-unsafe-eval'.",
    file: "A file of the bus is missing, blocked, or not the one that was built.",
    webAssembly: "A WebAssembly file of the bus is damaged, has the wrong type, or is too new for this browser.",
    script: "A script of the bus failed.",
    slow: "It took longer than boot_timeout_seconds.",
  };
  const fail = (reason, detail) => {
    if (state === "booting") goDown("BOOT_FAILED", `The Python runtime could not start. ${REASONS[reason]}`, detail);
  };

  // The reason is not shown whole: what a dying runtime says may hold what it was working on.
  const died = (error) => {
    if (state === "serving") goDown("RUNTIME_DIED", "The Python runtime died.", error?.name ?? "");
  };

  // The import map holds the hash of each file. Browsers check modules by it; main.py, archives and
  // what else is fetched are checked because fetch is told the hash here.
  const map = JSON.parse(document.querySelector('script[type="importmap"]')?.textContent ?? "{}");
  const absolute = (address) => new URL(address, document.baseURI).href;
  const { config, preload } = dataset;
  const inline = config.startsWith("{");
  const from = (id) => document.getElementById(id).content.firstElementChild;
  const core = from("bus-core");
  const script = from("bus-main");
  const main = absolute(script.getAttribute("src"));
  const partsOf = (list) => list.split(" ").filter(Boolean).map(absolute);
  // The folders that hold the bus's own files, and nothing else. The page's own is none of them: a
  // network that delivers the page may put scripts of its own beside it. In the tree (`make dev`),
  // where nobody does, it stands for all of them.
  const folders = inline
    ? [address, absolute(core.getAttribute("src")), main, ...partsOf(dataset.parts)].map((file) => new URL(".", file).href)
    : [absolute(".")];
  const isOwn = (file) => folders.some((folder) => file.startsWith(folder));
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
    keep: (number, text) => post(number, JSON.parse(text), { keeps: true }),
    push: (number, text) => push(number, JSON.parse(text)),
    // A method of session.mjs, by its name.
    async session(method, ...args) {
      try {
        return { failed: false, value: await inSession(method, ...args) };
      } catch {
        return { failed: true };
      }
    },
    drop,
    fail: (detail) => fail("script", detail),
    died,
    tryFetch,
    parts,
  });

  // Once a second: has Python come in time, is it still alive while somebody waits for it?
  // By the wall clock, since timers stand still while a machine sleeps.
  let deadline = Date.now() + settings.boot_timeout_seconds * 1000;
  const look = () => {
    if (state === "booting" && Date.now() > deadline) {
      fail("slow", `That is ${settings.boot_timeout_seconds} seconds.`);
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

  // What is the bus's own and does not load or throws ends the boot at once. What else runs in this
  // page and fails does not: extensions bring scripts, and so do networks that deliver pages.
  // Afterwards, an error may mean that Python has died.
  const name = (url) => String(url?.url ?? url).replace(/^.*\//, "");
  const ownElements = new WeakSet();
  const append = (element) => {
    ownElements.add(element);
    document.head.append(element);
  };
  // Whether an error was made in a file of the bus: by the first place that its stack names. Not in
  // this one, whose fetch is everybody's; what the bus awaits of it is looked at where it is awaited.
  const isOwnError = (error) => {
    try {
      const stack = error.stack.replace(String(error.message), ""); // Chromium has the message in it
      const place = stack.split("\n").find((line) => /:\d+:\d+\)?$/.test(line));
      return !place.includes(address) && folders.some((folder) => place.includes(folder));
    } catch {
      return false; // null, or something else without a stack
    }
  };
  const onError = (event) => {
    const { target, filename, message, reason, isTrusted } = event;
    if (state === "booting" && isTrusted) {
      if (target !== window) {
        if (ownElements.has(target)) fail("file", `${name(target.src ?? target.href)} could not be loaded.`);
        else log("ignored: an element that is not the bus's could not be loaded");
      } else if (event.type === "error") {
        if (isOwn(String(filename))) fail("script", message);
        else log("ignored: a script that is not the bus's failed");
      } else if (isOwnError(reason)) fail("script", reason.message);
      else log("ignored: a promise was rejected that is not the bus's");
    }
    look();
  };
  addEventListener("error", onError, true);
  addEventListener("unhandledrejection", onError);

  // So does a part that is not there: without this, a missing file leaves Pyodide waiting forever.
  const begun = new Map(); // address -> promise of the answer, for the first to ask
  window.fetch = async (...args) => {
    const [what] = args;
    const url = absolute(what?.url ?? what);
    if (state !== "booting" || !isOwn(url)) return fetch(...args);
    const answer = begun.get(url);
    if (answer) return answer;
    try {
      const response = await checked(...args);
      if (!response.ok) fail("file", `${name(url)} was answered with status ${response.status}.`);
      return response;
    } catch (error) {
      fail("file", `${name(url)} could not be fetched, or is not the file that was built.`);
      throw error;
    }
  };

  announce({ type: "BUS.LISTENING", payload: { protocol: 1 } });
  session?.catch(() => fail("file", "session.mjs could not be loaded."));

  if (typeof WebAssembly === "undefined") return fail("noWebAssembly", "");
  try {
    new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)); // the least there is
  } catch (error) {
    return fail("policy", error.message);
  }
  // Browsers from before 2021 may lack these.
  const bytes = async (source) => (await source).arrayBuffer();
  WebAssembly.compileStreaming ??= async (source) => WebAssembly.compile(await bytes(source));
  WebAssembly.instantiateStreaming ??= async (source, imports) => WebAssembly.instantiate(await bytes(source), imports);
  // A WebAssembly file that is none ends the boot as well: Pyodide would wait forever.
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = (source, ...more) => {
    const made = instantiateStreaming.call(WebAssembly, source, ...more);
    const failed = async (error) => {
      const { url } = await source;
      if (isOwn(url)) fail("webAssembly", error.message);
    };
    made.catch(failed).catch(() => {}); // the latter where there was no answer: that is fetch's to tell
    return made;
  };

  // PyScript opens IndexedDB and a BroadcastChannel and does not start without them, yet a cross-site
  // iframe may be refused all storage, and then both. It has nothing to store there, so it always gets
  // these stand-ins, which forget, and reach nobody. A session gets the browser's own (session.mjs).
  const standIn = (what, value) => Object.defineProperty(window, what, { value });
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
  standIn("indexedDB", { open: () => request(database) });
  standIn("BroadcastChannel", class { postMessage() {} close() {} });

  // PyScript looks for its config when it is imported, and must find the script only after the
  // hook is gone that composes worker code with Function(…), which the page's policy forbids.
  // Chromium compiles a module again each time while it comes in, and never looks whether it has kept
  // the code (`MaybeCreateConsumeCodeCacheTask` in its script_streamer.cc), but it does look if the
  // file was asked for as a script. Other browsers would fetch it twice.
  const asked = "userAgentData" in navigator ? { rel: "preload", as: "script" } : { rel: "modulepreload" };
  for (const href of preload.split(" ").filter(Boolean)) {
    const integrity = hashes.get(absolute(href)) ?? "";
    append(Object.assign(document.createElement("link"), asked, { crossOrigin: "", integrity, href }));
  }
  for (const tag of ["py-config", "mpy-config"]) {
    // The second is never used; without it, PyScript would load all its plugins for it.
    const element = document.createElement(tag);
    if (inline) {
      element.setAttribute("type", "json");
      element.textContent = config;
    } else element.setAttribute("src", config);
    document.head.append(element);
  }
  // The interpreter starts now, not when PyScript has got that far.
  if (inline) {
    const { interpreter } = JSON.parse(config);
    import(absolute(interpreter)).catch(() => fail("file", `${name(interpreter)} could not be loaded.`));
  }
  // PyScript would fetch the script only when Python is up. The answer waits for it in `begun`.
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
  core.addEventListener("load", async () => {
    try {
      const { hooks } = await import(core.src);
      hooks.worker.onBeforeRunAsync.clear();
      hooks.main.onReady.add((python) => {
        const { runAsync } = python;
        python.runAsync = (...args) => {
          const run = runAsync(...args);
          run.catch((error) => fail("script", `main.py: ${error.type ?? error.name}`));
          return run;
        };
      });
      script.addEventListener("py:done", () => fail("script", "main.py ended without starting the bus."));
      document.head.append(script);
    } catch (error) {
      fail("script", `PyScript could not be loaded: ${error.message}`);
    }
  });
  append(core);
})();
