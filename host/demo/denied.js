// The bus page that has this as its first script gets no storage, as in a browser that refuses it to
// third-party frames: what is asked for throws.
for (const [object, name] of [
  [window, "indexedDB"],
  [window, "BroadcastChannel"],
  [navigator, "locks"],
]) {
  Object.defineProperty(object, name, {
    configurable: true,
    get() {
      throw new DOMException("The demo denies it.", "SecurityError");
    },
  });
}
