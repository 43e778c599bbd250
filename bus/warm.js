// The only script of warm.html. It reads the files that a boot needs, so that the browser keeps them in its
// cache, and runs none of them: the page's policy allows no WebAssembly. host/client/warm.js loads this page
// in a hidden iframe, and so in the partition of the cache that a bus in the same site's pages uses.
"use strict";

(() => {
  if (window.parent === window) return; // opened in a tab: nobody needs the files
  const { small, large } = /** @type {any} */ (document.currentScript).dataset;
  const listed = (addresses) => addresses.split(" ").filter(Boolean);

  // Reads to the end, because a browser keeps only a part of a body that is not read. The bytes are dropped at once.
  const fetched = async (address) => {
    const response = await fetch(address, { priority: "low" });
    if (!response.ok) throw new Error(`${response.status} for ${address}`);
    const reader = /** @type {ReadableStream} */ (response.body).getReader();
    while (!(await reader.read()).done);
  };

  // Firefox has a separate cache for scripts, which a fetch does not fill. Chromium has none, and would warn in
  // the host's console that a preloaded file was not used.
  const preloads = !("userAgentData" in navigator);
  const preloaded = (href) =>
    new Promise((onload, onerror) => {
      const more = { rel: "preload", as: "script", crossOrigin: "", fetchPriority: "low" };
      document.head.append(Object.assign(document.createElement("link"), { ...more, href, onload, onerror }));
    });

  const read = (address) => (preloads && /\.m?js$/.test(address) ? preloaded(address) : fetched(address));

  // One after the other, so that the first ones are complete if the user leaves.
  const readInTurn = async (addresses) => {
    for (const address of addresses) await read(address);
  };

  const warm = Promise.all([...listed(small).map(read), readInTurn(listed(large))]).then(
    () => true,
    () => false,
  );
  // Tells whoever asks whether all files are there, and nothing else.
  addEventListener("message", async ({ ports: [port] }) => port?.postMessage(await warm));
})();
