// Hostile pages, each breaking one rule of the gate, and each the same page that works when the
// rule is kept. What to do comes in the address: #{"do": …, "bus": …, "code": …}.
const { action, bus, code } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const origin = new URL(bus).origin;
const redirectUrl = "https://app.example.com/login/sso";
const message = (id) => ({ type: "AUTH.SSO", id, payload: { code, redirectUrl } });

window.heard = [];
addEventListener("message", ({ data }) => {
  heard.push(data);
  opener?.postMessage({ from: "attacker", data }, "*");
  if (parent !== window) parent.postMessage({ from: "attacker", data }, "*");
});

const actions = {
  // Embeds the bus and asks it: allowed or not by this page's origin.
  embed() {
    const frame = document.createElement("iframe");
    frame.src = bus;
    window.embedded = new Promise((resolve) => {
      frame.onload = () => {
        frame.contentWindow.postMessage(message("embedded"), origin);
        resolve();
      };
    });
    document.body.append(frame);
  },
  // Asks the bus that stands beside this frame in its parent.
  sibling: () => parent.frames[0].postMessage(message("sibling"), origin),
  // Asks the bus in the page that opened this one.
  opener: () => opener.frames[0].postMessage(message("opener"), origin),
  // Frames a bus of this page's own origin and fires an event at it that no browser made.
  synthetic() {
    const frame = document.createElement("iframe");
    frame.src = bus;
    frame.onload = () => {
      const data = message("synthetic");
      const { contentWindow } = frame;
      const { MessageEvent, Object } = contentWindow; // the bus's own, so that nothing else is odd
      const plain = Object.assign(new Object(), { ...data, payload: Object.assign(new Object(), data.payload) });
      contentWindow.dispatchEvent(new MessageEvent("message", { data: plain, origin: location.origin, source: window }));
      frame.contentWindow.postMessage(message("genuine"), origin);
    };
    document.body.append(frame);
  },
};
actions[action]();
window.loaded = true;
