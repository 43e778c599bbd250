// The only script of warm.html. It reads the files that a boot needs, so that the browser keeps them in its
// cache, and runs none of them: the page's policy allows no WebAssembly. host/client/warm.js loads this page
// in a hidden iframe, and so in the partition of the cache that a bus in the same site's pages uses.
"use strict";

(() => {
  if (window.parent === window) return; // opened in a tab: for nobody
  const { small, large } = /** @type {any} */ (document.currentScript).dataset;
  const listed = (addresses) => addresses.split(" ").filter(Boolean);

  // To the end: of a body that nobody reads, a browser keeps only a part. What was read is dropped at once.
  const fetched = async (address) => {
    const response = await fetch(address, { priority: "low" });
    if (!response.ok) throw new Error(`${response.status} for ${address}`);
    const reader = /** @type {ReadableStream} */ (response.body).getReader();
    while (!(await reader.read()).done);
  };

  // Firefox has another cache for scripts, which a fetch does not fill. Chromium has not, and would write to
  // the host's console that nobody has used what was preloaded.
  const preloads = !("userAgentData" in navigator);
  const preloaded = (href) =>
    new Promise((onload, onerror) => {
      const more = { rel: "preload", as: "script", crossOrigin: "", fetchPriority: "low" };
      document.head.append(Object.assign(document.createElement("link"), { ...more, href, onload, onerror }));
    });

  const read = (address) => (preloads && /\.m?js$/.test(address) ? preloaded(address) : fetched(address));

  // One after the other, because the user may leave at any time: then the first ones are there completely.
  const readInTurn = async (addresses) => {
    for (const address of addresses) await read(address);
  };

  const warm = Promise.all([...listed(small).map(read), readInTurn(listed(large))]).then(
    () => true,
    () => false,
  );
  // Whoever asks hears whether all are there; nobody could ask it for more.
  addEventListener("message", async ({ ports: [port] }) => port?.postMessage(await warm));
})();
