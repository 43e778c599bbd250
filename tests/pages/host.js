// What the tests call in a host page: the bus with the embed module, and without it.
import { BusError, embed } from "/client.js";

// A failed request as plain data, so that the test gets it whole.
const failure = (error) =>
  error instanceof BusError
    ? { code: error.code, message: error.message, error: error.error, meta: error.meta }
    : { thrown: String(error) };

window.embed = (options) => (window.bus = embed(options));
window.ask = (payload, options, type = "AUTH.SSO") =>
  window.bus.request(type, payload, options).then((fulfilled) => ({ fulfilled }), failure);

// Every message event of this window, from any sender.
window.heard = [];
addEventListener("message", ({ data, origin, isTrusted }) => heard.push({ data, origin, isTrusted }));

// Resolves to the first message heard that fits, now or later.
window.hear = (fits) =>
  new Promise((resolve) => {
    const look = () => {
      const found = heard.find(({ data }) => fits(data));
      if (found) {
        removeEventListener("message", look);
        resolve(found);
      }
    };
    addEventListener("message", look);
    look();
  });

// The bus by the raw protocol: an iframe and postMessage.
window.raw = (src) => {
  const frame = document.createElement("iframe");
  frame.src = src;
  frame.hidden = true;
  const origin = new URL(src).origin;
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  document.body.append(frame);
  const post = (message, ports = []) => frame.contentWindow.postMessage(message, origin, ports);
  // Posts over a port; resolves to the reply. `closed` would be the port's end: no engine tells.
  const overPort = (message) =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => resolve(data);
      post(message, [port2]);
    });
  const listening = hear((data) => data?.type === "BUS.LISTENING");
  const ready = hear((data) => data?.type === "BUS.READY");
  return (window.rawBus = { frame, origin, loaded, listening, ready, post, overPort });
};
window.reply = (id) => hear((data) => data?.id === id).then(({ data }) => data);
window.loaded = true;
