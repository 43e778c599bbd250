// Counts every message that reaches this frame, whoever sent it, and lists what it claims to be.
const count = document.getElementById("decoy-count");
const types = document.getElementById("decoy-types");
let received = 0;

addEventListener("message", ({ data, source }) => {
  received += 1;
  count.textContent = String(received);
  const item = document.createElement("li");
  const type = String(data?.type).slice(0, 64);
  item.textContent = `${type} ${JSON.stringify(data?.payload ?? null).slice(0, 96)}`;
  types.prepend(item);
  // The host page's timeline shows it: the count and the type, no more.
  const payload = { count: received, type, fromParent: source === parent };
  parent.postMessage({ type: "DECOY.HEARD", payload }, location.origin);
});

// What a hostile frame would try: to ask the bus beside it. The inspector calls this.
globalThis.postToBus = (text, origin, times) => {
  const bus = [...parent.document.querySelectorAll("iframe")].find((frame) => frame.contentWindow !== window);
  for (let n = 0; n < times; n++) bus.contentWindow.postMessage(JSON.parse(text), origin);
};
