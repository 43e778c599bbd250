// What the bench does in a host page. Nothing drives it: it asks what to do, reports the result, and makes way for a new
// page.

// Milliseconds from the moment that an iframe is attached to its LISTENING and its READY; with
// `watch`, which takes a processor for itself, also the longest gap in this page's event loop.
const boot = (src, watch = false, limit = 60_000) =>
  new Promise((resolve, reject) => {
    const got = { gap: 0 };
    const heard = [];
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.src = src;
    const { port1, port2 } = new MessageChannel();
    let last = performance.now();
    port1.onmessage = () => {
      const now = performance.now();
      got.gap = Math.max(got.gap, now - last);
      last = now;
      if (!got.ready) port2.postMessage(0);
    };
    const start = performance.now();
    addEventListener("message", ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      heard.push(`${data.type} ${JSON.stringify(data.payload)}`);
      if (data.type === "BUS.LISTENING") got.listening = performance.now() - start;
      if (data.type === "BUS.READY") {
        got.ready = performance.now() - start;
        frame.remove();
        resolve(got);
      }
    });
    setTimeout(() => reject(new Error(`${src} was not ready in time; it said: ${heard}`)), limit);
    if (watch) port2.postMessage(0);
    document.body.append(frame);
  });

// Milliseconds from READY of a new bus to its reply to a first request, which leaves at once.
const answer = async (src, type, payload) => {
  const frame = Object.assign(document.createElement("iframe"), { src, hidden: true });
  document.body.append(frame);
  await new Promise((resolve) => {
    addEventListener("message", ({ source, data }) => {
      if (source === frame.contentWindow && data.type === "BUS.READY") resolve();
    });
  });
  const start = performance.now();
  const { port1, port2 } = new MessageChannel();
  const reply = await new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    frame.contentWindow.postMessage({ type, payload }, new URL(src).origin, [port2]);
  });
  const ms = performance.now() - start;
  if (reply.type !== `${type}_FULFILLED`) throw new Error(JSON.stringify(reply));
  return { ms, payload: reply.payload ?? null };
};
const signIn = (src, code) => answer(src, "AUTH.SSO", { code, redirectUrl: "https://app.example.com/" });
const register = (src) => answer(src, "BUS.REGISTER", { origin: location.origin, appName: "bench", release: "1" });

// The longest gap in this page's event loop within a number of milliseconds, while it is idle.
const idle = (milliseconds) =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const end = performance.now() + milliseconds;
    let last = performance.now();
    let gap = 0;
    port1.onmessage = () => {
      const now = performance.now();
      gap = Math.max(gap, now - last);
      last = now;
      if (now < end) port2.postMessage(0);
      else resolve(gap);
    };
    port2.postMessage(0);
  });

// Percentiles of the round trips' milliseconds: p50 and p99 over `count`, once the browser has compiled what it finds worth
// it, and `early` for p99 over as many while it does, after the first 100.
const percentiles = async (count, once) => {
  const measured = async (times) => {
    for (let n = 0; n < count; n++) {
      const start = performance.now();
      await once();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    return { p50: times[count * 0.5], p99: times[count * 0.99] };
  };
  for (let n = 0; n < 100; n++) await once();
  const early = await measured([]);
  for (let n = 0; n < 5000; n++) await once();
  return { ...(await measured([])), early: early.p99 };
};

// Round trips of a request that is refused: through the bus, and through Penpal.
const refusals = async (src, count) => {
  await embed({ src }).ready;
  return percentiles(count, () => bus.request("AUTH.SSO", {}).catch(() => {}));
};
const child = async (src) => {
  const { connect, WindowMessenger } = await import("/penpal.mjs");
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = `${src}#${location.origin}`;
  document.body.append(frame);
  const messenger = new WindowMessenger({ remoteWindow: frame.contentWindow, allowedOrigins: [new URL(src).origin] });
  return connect({ messenger }).promise;
};
const penpal = async (src, count) => {
  const remote = await child(src);
  return percentiles(count, () => remote.ask({}).catch(() => {}));
};

// Whether a warm-up has read all that the bus needs.
const warmUp = async (src) => (await import("/warm.js")).warm({ src });

// The host's own files come into the cache, as on a page of the same app that the user sees before: nothing of the bus.
const fetchOwn = (...names) =>
  Promise.all(names.map(async (name) => (await fetch(`/far/${name}`)).text())).then(() => true);

// What this page's own database holds; from now on it holds `value`.
const remember = (value) =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open("bench", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("kept", "readwrite");
      const kept = transaction.objectStore("kept");
      const before = kept.get("value");
      kept.put(value, "value");
      transaction.oncomplete = () => resolve(before.result ?? null);
      transaction.onabort = () => reject(transaction.error);
    };
  });

// Who is known to this page's own database, and to each bus; from now on, all of them know `user`.
const meet = async (user, ...sources) => {
  const known = [await remember(user)];
  for (const src of sources) {
    await embed({ src }).ready;
    const found = await bus.request("BUS.REGISTER", { origin: location.origin, appName: "bench", release: "1" });
    await bus.request("AUTH.SSO", { code: `${user}/code`, redirectUrl: "https://app.example.com/" });
    known.push(found?.user.name ?? null);
  }
  return known;
};

// Leaves this page for one that a provider sends the user back to, which reports in its place. With an `issuer`, by way of that
// provider: the page's module begins the sign-in, and finds in the session storage what it needs then and afterwards.
const comeBack = async (module, query) => {
  const redirectUrl = new URL(`callback/${module}`, location.href).href;
  if (query.issuer) {
    sessionStorage.setItem("bench", JSON.stringify({ ...query, redirectUrl }));
    await (await import(`/far/${module}`)).begin();
  } else location.assign(`${redirectUrl}?${new URLSearchParams(query)}`);
  return new Promise(() => {});
};

// Opens what a page may have in it, says that it is there, and does nothing more until the browser ends: what that costs is
// measured from outside.
const CONTENTS = {
  nothing: async () => {},
  bus: (src) => embed({ src }).ready,
  penpal: child,
  async session(src, code) {
    await embed({ src }).ready;
    await bus.request("AUTH.SSO", { code, redirectUrl: "https://app.example.com/" });
    await bus.request("BUS.REGISTER", { origin: location.origin, appName: "bench", release: "1" });
    await bus.request("BUS.INIT", { services: ["AUTH"] });
  },
};
const stay = async (contents, ...args) => {
  await CONTENTS[contents](...args);
  await report({ value: true });
  return new Promise(() => {});
};

// Milliseconds for a request that is answered at once, on a connection that is there already.
const roundTrip = async () => {
  await fetch("between", { cache: "no-store" });
  const start = performance.now();
  await fetch("between", { cache: "no-store" });
  return performance.now() - start;
};

// Milliseconds for work that needs nothing but the processor.
const work = () => {
  const start = performance.now();
  let n = 0;
  for (let i = 0; i < 3e8; i++) n = (n * 31 + i) | 0;
  return Promise.resolve(n === 1 ? 0 : performance.now() - start);
};

const errands = {
  boot,
  idle,
  refusals,
  penpal,
  signIn,
  register,
  warmUp,
  fetchOwn,
  meet,
  comeBack,
  stay,
  roundTrip,
  work,
};
const report = (result) => fetch("done", { method: "POST", body: JSON.stringify(result) });
const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
await rest(500);
const [errand, args] = await (await fetch("next")).json();
const result = await errands[errand](...args).then(
  (value) => ({ value }),
  (error) => ({ error: String(error) }),
);
await rest(1000); // browsers keep compiled code only of what stays open for a while
await report(result);
location.replace("between");
