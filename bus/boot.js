// The boot: the second script of the bus page. It fetches what was built and nothing else, and starts
// PyScript, or says why not.
//
// early.js listens already, and answers even if this file fails; the two share `ssoBus`, described
// there. interpreter.mjs finds the fetches that were started for it in `ssoBoot`.
"use strict";

(() => {
  // Not in a frame, or without an origin (early.js has said so); or early.js is not there.
  if (!globalThis.ssoBus) return;
  const { fail, isBooting, look } = globalThis.ssoBus;
  const { dataset, src: address } = /** @type {any} */ (document.currentScript);
  const log = (line) => console.debug(`sso-bus: ${line}`);

  // ---- what is the bus's own, and its hashes ------------------------------------------------

  // The import map holds the hash of each file. Browsers check modules with it; main.py, archives and
  // what else is fetched are checked because fetch is told the hash here.
  const map = JSON.parse(document.querySelector('script[type="importmap"]')?.textContent ?? "{}");
  const absolute = (address) => new URL(address, document.baseURI).href;
  const { config, preload } = dataset;
  const inline = config.startsWith("{");
  const from = (id) => /** @type {any} */ (document.getElementById(id)).content.firstElementChild;
  const core = from("bus-core");
  const script = from("bus-main");
  const main = absolute(script.getAttribute("src"));
  const partsOf = (list) => list.split(" ").filter(Boolean).map(absolute);
  // The folders that hold the bus's own files, and nothing else. The page's own is none of them: a
  // network that delivers the page may put scripts of its own beside it. In the tree (`make dev`),
  // where nobody does, it stands for all of them.
  const folders = inline
    ? [address, absolute(core.getAttribute("src")), main, ...partsOf(dataset.parts)].map(
        (file) => new URL(".", file).href,
      )
    : [absolute(".")];
  const isOwn = (file) => folders.some((folder) => file.startsWith(folder));
  const hashes = new Map(Object.entries(map.integrity ?? {}).map(([path, hash]) => [absolute(path), hash]));
  const { fetch } = window;
  const checked = (what, options) => {
    const integrity = hashes.get(absolute(what?.url ?? what));
    return fetch(what, integrity ? { ...options, integrity } : options);
  };
  // For a fetch that may fail because there is a fallback: it rejects, and does not end the boot.
  const tryFetch = async (address, options) => {
    const response = await checked(address, options);
    if (!response.ok) throw new Error(`${response.status} for ${name(address)}`);
    return response;
  };

  const parts = {}; // see below
  globalThis.ssoBoot = Object.freeze({ parts });

  // ---- its failures ----------------------------------------------------------------------------

  // What is the bus's own and does not load or throws ends the boot at once. What else runs in this
  // page and fails does not: extensions bring scripts, and so do networks that deliver pages.
  // Afterwards, an error may mean that Python has died.
  const name = (url) => String(url?.url ?? url).replace(/^.*\//, "");
  const ownElements = new WeakSet();
  const append = (element) => {
    ownElements.add(element);
    document.head.append(element);
  };
  // The places that an error's stack names, the one where it was made first.
  const placesOf = (error) => {
    try {
      const { stack } = error;
      const head = `${error.name}: ${error.message}`; // which Chromium has in the stack
      const lines = stack.startsWith(head) ? stack.slice(head.length) : stack;
      return lines.split("\n").filter((line) => /:\d+:\d+\)?$/.test(line));
    } catch {
      return []; // null, or something else without a stack
    }
  };
  // What fails in this file, or in one beside it, is told where the bus waits for it. The rest is
  // everybody's: these files stand in for fetch and others.
  const beside = new URL(".", address).href;
  const isForeign = (place) => !folders.some((folder) => place.includes(folder));
  // PyScript stands in for functions as well, and listens to events. An error there is not the bus's
  // if somebody else has called: then the stack names him.
  const isOwnError = ([first, ...callers]) =>
    Boolean(first) && !first.includes(beside) && ![first, ...callers].some(isForeign);
  const onError = (event) => {
    const { target, filename, message, error, reason, isTrusted } = event;
    if (isBooting()) {
      if (target !== window) {
        if (ownElements.has(target)) fail("file", `${name(target.src ?? target.href)} could not be loaded.`);
        else log("ignored: an element that is not the bus's could not be loaded");
      } else if (event.type === "error") {
        if (isTrusted && isOwnError([filename, ...placesOf(error)])) fail("script", message);
        else log("ignored: a script that is not the bus's failed");
      } else if (isOwnError(placesOf(reason))) fail("script", reason.message);
      else log("ignored: a promise was rejected that is not the bus's");
    }
    look();
  };
  addEventListener("error", onError, true);
  addEventListener("unhandledrejection", onError);

  // A missing part ends the boot too: without this, Pyodide would wait for it forever.
  const begun = new Map(); // address -> promise of the answer, for the first to ask
  window.fetch = async (...args) => {
    /** @type {any[]} */
    const [what] = args;
    const url = absolute(what?.url ?? what);
    if (!isBooting() || !isOwn(url)) return fetch(...args);
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

  // ---- the boot ------------------------------------------------------------------------------

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
  // A file that is not WebAssembly ends the boot too: Pyodide would wait for it forever.
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = (source, ...more) => {
    const made = instantiateStreaming.call(WebAssembly, source, ...more);
    const failed = async (error) => {
      const { url } = await source;
      // WebKit's policy allows the smallest module.
      const reason = error.message.includes("wasm-unsafe-eval") ? "policy" : "webAssembly";
      if (isOwn(url)) fail(reason, error.message);
    };
    made.catch(failed).catch(() => {}); // the latter where there was no answer: that is fetch's to tell
    return made;
  };

  // PyScript opens IndexedDB and a BroadcastChannel and does not start without them, but a browser may
  // refuse all storage to a cross-site iframe, and then both. PyScript has nothing to store, so it always
  // gets these stand-ins, which store nothing and reach no page. A session gets the browser's own (early.js).
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
  standIn(
    "BroadcastChannel",
    class {
      postMessage() {}
      close() {}
    },
  );

  // PyScript looks for its config when it is imported, and must find the script only after the
  // hook is gone that composes worker code with Function(…), which the page's policy forbids.
  // Chromium compiles a module again each time while it downloads, and does not use its code cache
  // (`MaybeCreateConsumeCodeCacheTask` in its script_streamer.cc). It does use the cache if the file was
  // preloaded as a script. Other browsers would fetch it twice.
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
  // The interpreter starts now, not when PyScript asks for it.
  if (inline) {
    const { interpreter } = JSON.parse(config);
    import(absolute(interpreter)).catch(() => fail("file", `${name(interpreter)} could not be loaded.`));
  }
  // PyScript would fetch the script only when Python has started. The answer waits in `begun`.
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
      script.addEventListener("py:done", () => fail("script", "main.py ended without starting the bus."));
      document.head.append(script);
    } catch (error) {
      fail("script", `PyScript could not be loaded: ${error.message}`);
    }
  });
  append(core);
})();
