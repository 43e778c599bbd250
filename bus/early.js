// The early listener, behind requests.js in the first script of the bus page.
//
// It is JavaScript because it must run before Python starts and after Python has died. It applies the
// gate (protocol.md, "The gate", rules 1 and 2), turns data into JSON text, and keeps messages until
// Python serves. It answers if Python never starts (BOOT_FAILED) or has died (RUNTIME_DIED). Python
// checks every message again, and decides. This file starts nothing: boot.js does. The two share
// `ssoBus`, below.
"use strict";

(() => {
  const { read, queue, ahead } = globalThis.ssoRequests;
  const { src: address } = /** @type {any} */ (document.currentScript);
  const block = JSON.parse(/** @type {any} */ (document.getElementById("bus-settings")).textContent);
  const { settings, types, fromBus, debug = false } = block;
  const allowed = new Set(settings.allowed_origins);
  const parent = window.parent;
  const log = (line) => console.debug(`sso-bus: ${line}`);

  if (parent === window) {
    // Opened in a tab: tell a person what this is, and answer no message.
    document.addEventListener("DOMContentLoaded", () => {
      /** @type {any} */ (document.querySelector("main")).hidden = false;
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

  // The browser's own, before PyScript gets its stand-ins; where storage is refused, some browsers throw
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

  // ---- what a debug build tells the host (protocol.md, "Debug builds") --------------------

  const announce = (message) => {
    for (const origin of allowed) parent.postMessage(message, origin);
  };

  // Facts only, never a value that was sent; of a sender that is not let in, only the origin.
  const tell = (facts) => {
    if (!debug) return;
    const at = Date.now(); // the host's process has the same clock
    announce({ type: "BUS.DEBUG", payload: JSON.parse(JSON.stringify({ at, ...facts })) });
  };

  // A flood of messages to the bus must not become a flood to the host: MAX_TOLD refused messages are
  // reported in a second, and the rest is counted.
  const MAX_TOLD = 20;
  const untold = new Map(); // reason -> how many
  let told = 0;
  const ignored = (reason, origin) => {
    log(`ignored: ${reason}`);
    if (!debug) return;
    if (told === 0) setTimeout(tellRest, 1000);
    if (++told <= MAX_TOLD) tell({ event: "dropped", reason, origin });
    else untold.set(reason, (untold.get(reason) ?? 0) + 1);
  };
  const tellReply = (number, { origin, port }, { type, id, meta, payload }) => {
    const code = meta.source === "bus" ? payload?.error?.code : undefined; // a backend's error is its own
    tell({ event: "replied", number, type, id, origin, port: Boolean(port), ...meta, code });
  };
  const tellRest = () => {
    for (const [reason, more] of untold) tell({ event: "dropped", reason, more });
    untold.clear();
    told = 0;
  };

  // ---- messages and their one reply --------------------------------------------------------

  let state = "booting"; // then "serving" or "down"
  /** @type {any} */
  let down = null; // the error that answers everything once the state is "down"
  /** @type {any} */
  let python = null; // {receive, alive}
  /** @type {any} */
  let ready = null; // BUS.READY, once it was sent
  let count = 0;
  const open = new Map(); // number -> {source, origin, port, type, id, signsOut}; until its reply
  const kept = new Map(); // number -> {source, origin, port}; where pushes go, until `drop`
  const waiting = queue(types); // until Python serves

  // Without a reply. A debug build tells the host the reason, if there is one.
  const drop = (number, reason) => {
    if (reason) tell({ event: "dropped", number, reason });
    for (const map of [open, kept]) {
      map.get(number)?.port?.close();
      map.delete(number);
    }
    waiting.forget(number);
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

  // Only the callers of their methods await session.mjs, and keys.mjs where sessions have keys.
  const bound = (settings.sso.dpop ?? "off") !== "off";
  const stores = settings.session?.persist === "partition";
  const load = (file) => import(new URL(file, address).href).then(({ open }) => open(originals, stores));
  const session = settings.session
    ? Promise.all([load("session.mjs"), bound && load("keys.mjs")]).then(([kept, keys]) => ({ ...kept, ...keys }))
    : null;
  const inSession = async (method, ...args) => (await session)[method](...args);

  const SIGNING_OUT_SECONDS = 2;

  // Where Python cannot serve, a sign-out ends what is stored, and what other tabs have, before it is
  // rejected: a host that does not ask again has signed its user out here all the same.
  const rejectSignOut = async (number, code, message) => {
    const { origin } = open.get(number);
    const late = new Promise((resolve) => setTimeout(resolve, SIGNING_OUT_SECONDS * 1000));
    const erased = Promise.resolve(stores && inSession("erase", origin))
      .then(() => inSession("say", JSON.stringify({ kind: "OUT", origin, generation: "" })))
      .then(() => stores && bound && inSession("eraseKeys", origin));
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

  // While Python boots, the network is idle. Once a sign-in waits, the browser connects to the backend,
  // and asks for what a provider publishes: nothing of the message goes there. The connections are those
  // without credentials, as all requests of the bus; browsers keep others for those with.
  const published = ahead(block.ahead, window.fetch);
  let connected = false;
  const prepare = (type) => {
    if (connected || !/^AUTH\.(SSO|EMAIL_AND_PASSWORD)$/.test(type)) return;
    connected = true;
    for (const href of block.ahead.origins) {
      const link = document.createElement("link");
      document.head.append(Object.assign(link, { rel: "preconnect", crossOrigin: "anonymous", href }));
    }
    published.begin();
  };
  addEventListener("pagehide", published.end);

  const wait = (number, event, message) => {
    const { type, problem } = message;
    const due = waiting.add(number, message, event);
    due.forEach(settle);
    if (due.length === 0 && types.includes(type) && !problem) prepare(type);
  };

  // What the queue decides about a message that does not wait.
  const settle = ({ number, error, reason }) => (error ? reject(number, ...error) : drop(number, reason));

  const deliver = (number, event, text) => {
    try {
      // What Python's gate judges, read again. Facts cross, and text; never a window: a proxy of one
      // takes half a millisecond to make.
      const { port } = open.get(number);
      python.receive(number, event.isTrusted, event.source === parent, event.origin, text, Boolean(port));
    } catch (error) {
      died(error);
    }
  };

  addEventListener(
    "message",
    (event) => {
      if (event.source === window) return; // Pyodide's event loop posts to its own window
      event.stopImmediatePropagation(); // no other listener of this page sees what comes from outside
      const why = refusal(event);
      const message = why ? null : read(event.data, event.ports.length, fromBus);
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
      watch();
      tell({ event: "accepted", number, type, id, origin: event.origin, port: Boolean(port), bytes, state });
      // Chromium loses what a frame posts to its parent while a window is opened on the frame's site. A host
      // that has missed BUS.READY asks by a type that no bus serves.
      if (type === "BUS.PROBE" && state === "serving") parent.postMessage(ready, event.origin);
      if (state === "serving") deliver(number, event, message.text);
      else if (state === "booting") wait(number, event, message);
      else if (message.type === "BUS.CANCEL") drop(number);
      else rejectDown(number);
    },
    true,
  );

  // ---- Python's end of it --------------------------------------------------------------------

  const goDown = (code, message, reason) => {
    state = "down";
    down = [code, message];
    console.error(`sso-bus: ${message} ${reason}`);
    published.end();
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

  // The reason is not shown completely: a dying runtime's message may contain the data that it handled.
  const died = (error) => {
    if (state === "serving") goDown("RUNTIME_DIED", "The Python runtime died.", error?.name ?? "");
  };

  // Once a second, while Python boots or a request waits: has Python started in time, and is it still
  // alive? By the wall clock, because timers stop while a machine sleeps. An idle bus needs no timer.
  let deadline = Date.now() + settings.boot_timeout_seconds * 1000;
  let timer = 0;
  const watch = () => {
    timer ||= setInterval(look, 1000);
  };
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
    if (state === "booting" || (state === "serving" && open.size)) return;
    clearInterval(timer);
    timer = 0;
    published.end(); // who waited for it is answered
  };
  session?.catch(() => fail("file", "session.mjs or keys.mjs could not be loaded."));
  watch();
  addEventListener("pageshow", ({ persisted }) => {
    // Back from the back-forward cache: the time limit of a frozen boot starts again.
    if (persisted) deadline = Date.now() + settings.boot_timeout_seconds * 1000;
  });

  // Once boot.js has run, it tells of all failures. Where it is not even loaded, cannot be read, or fails
  // before its end, nobody else would. What fails in it later is no failure of the bus: see there.
  addEventListener(
    "error",
    ({ target, filename, message, isTrusted }) => {
      const boot = /** @type {any} */ (document.getElementById("bus-boot"));
      if (!isTrusted || !boot) return;
      if (target === boot) fail("file", "boot.js could not be loaded.");
      else if (target === window && filename === boot.src && document.currentScript === boot) fail("script", message);
    },
    true,
  );

  // Everything that other files use of this one.
  //   for the boot (boot.js, interpreter.mjs, main.py)
  //     isBooting()           whether the boot can still fail: Python does not serve yet, nothing has failed
  //     fail(reason, detail)  it has failed: a name of REASONS, and a sentence for the console alone
  //     look()                something failed that may have been Python: look after it now
  //   for Python (browser.py)
  //     settings, debug       as JSON; whether this is a debug build
  //     serve(receive, alive, ready)  Python is there: functions that take a message and that prove it
  //                           alive, and BUS.READY as JSON
  //     reply(number, text)   the reply to a message, as JSON; drop(number, reason): it gets none
  //     keep(number, text)    as reply, but where it went is kept for push(number, text), until drop(number)
  //     session(method, ...args)  a method of session.mjs or keys.mjs, where the settings have [bus.session]
  //     tell(text)            a report for the host, as JSON, if this is a debug build
  //     begun(url)            what was begun for an address before Python was there; see requests.js, `take`
  //     died(error)           the runtime has suffered a fatal error
  //     settled(object, method, ...args)  see there
  globalThis.ssoBus = Object.freeze({
    settings: JSON.stringify(settings),
    debug,
    tell: (text) => tell(JSON.parse(text)),
    serve(receive, alive, text) {
      if (state !== "booting") return; // too late: everything was answered BOOT_FAILED
      state = "serving";
      python = { receive, alive };
      ready = JSON.parse(text);
      announce(ready);
      for (const [number, text, event] of waiting) deliver(number, event, text);
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
    // A method of session.mjs or keys.mjs, by its name.
    async session(method, ...args) {
      try {
        return { failed: false, value: await inSession(method, ...args) };
      } catch {
        return { failed: true };
      }
    },
    begun: published.take,
    drop,
    fail,
    died,
    isBooting: () => state === "booting",
    look,
  });

  announce({ type: "BUS.LISTENING", payload: { protocol: 1 } });
})();
