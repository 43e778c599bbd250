// What the bench does in the host page.

// Milliseconds from the moment that an iframe is attached to its LISTENING and its READY; with
// `watch`, which takes a processor for itself, also the longest gap in this page's event loop.
window.boot = (src, watch = false, limit = 120_000) =>
  new Promise((resolve, reject) => {
    const got = { gap: 0 };
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
      if (data.type === "BUS.LISTENING") got.listening = performance.now() - start;
      if (data.type === "BUS.READY") {
        got.ready = performance.now() - start;
        resolve(got);
      }
    });
    setTimeout(() => reject(new Error(`${src} was not ready in time`)), limit);
    if (watch) port2.postMessage(0);
    document.body.append(frame);
  });

// The longest gap in this page's event loop within so many milliseconds, with nothing going on.
window.idle = (milliseconds) =>
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

const sorted = async (count, once) => {
  for (let n = 0; n < 100; n++) await once();
  const times = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
};
const percentiles = (times) => ({ p50: times[times.length * 0.5], p99: times[times.length * 0.99] });

// Round trips of a request that is refused: through the bus, and through Penpal.
window.refusals = async (count) => percentiles(await sorted(count, () => bus.request("AUTH.SSO", {}).catch(() => {})));
window.penpal = async (src, count) => {
  const { connect, WindowMessenger } = await import("/penpal.mjs");
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = `${src}#${location.origin}`;
  document.body.append(frame);
  const messenger = new WindowMessenger({ remoteWindow: frame.contentWindow, allowedOrigins: [new URL(src).origin] });
  const remote = await connect({ messenger }).promise;
  const times = await sorted(count, () => remote.ask({}).catch(() => {}));
  frame.remove();
  return percentiles(times);
};
