// Hostile pages, each breaking one rule of the gate, and each the same page that works when the
// rule is kept. What to do comes in the address: #{"action": …, "bus": …, "code": …, "page": …}.
const { action, bus, code, page } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const origin = new URL(bus).origin;
const redirectUrl = "https://app.example.com/login/sso";
const message = (id) => ({ type: "AUTH.SSO", id, payload: { code, redirectUrl } });

// This page keeps what it hears, and reports it to the page that opened or framed it.
window.heard = [];
addEventListener("message", ({ data }) => {
  heard.push(data);
  opener?.postMessage({ from: "attacker", data }, "*");
  if (parent !== window) parent.postMessage({ from: "attacker", data }, "*");
});

const frame = (src) => {
  const made = document.createElement("iframe");
  made.src = src;
  return made;
};

const actions = {
  // Embeds the bus and asks it: allowed or not by this page's origin.
  embed() {
    const made = frame(bus);
    window.embedded = new Promise((resolve) => {
      made.onload = () => {
        made.contentWindow.postMessage(message("embedded"), origin);
        resolve();
      };
    });
    document.body.append(made);
  },
  // Embeds a page that embeds the bus, and asks the bus in it whenever it has said something.
  nest() {
    addEventListener("message", () => frames[0].frames[0].postMessage(message("nested"), origin));
    document.body.append(frame(page));
  },
  // Asks the bus that stands beside this frame in its parent.
  sibling: () => parent.frames[0].postMessage(message("sibling"), origin),
  // Asks the bus in the page that opened this one.
  opener: () => opener.frames[0].postMessage(message("opener"), origin),
  // Opens a page that embeds the bus, and asks the bus in it whenever it has said something.
  open() {
    addEventListener("message", () => opened.frames[0].postMessage(message("opened"), origin));
    const opened = open(page);
  },
  // Stands where the bus has stood, says what it would say, and forges an answer to all it hears.
  imitate() {
    const say = (type, payload, id) => parent.postMessage({ type, payload, id }, "*");
    const forged = { credentials: { legacy_token: "forged" }, currentUser: {}, company: {} };
    addEventListener("message", ({ data, ports }) => {
      const reply = { type: `${data?.type}_FULFILLED`, payload: forged, id: data?.id };
      for (const port of ports) port.postMessage(reply);
      say(reply.type, reply.payload, reply.id);
    });
    say("BUS.LISTENING", { protocol: 1 });
    say("BUS.READY", { version: "forged", protocol: 1, services: ["AUTH"] });
  },
  // Frames a bus of this page's own origin and fires an event at it that no browser made.
  synthetic() {
    const made = frame(bus);
    made.onload = () => {
      const data = message("synthetic");
      const { contentWindow } = made;
      // biome-ignore lint/suspicious/noShadowRestrictedNames: on purpose
      const { MessageEvent, Object } = contentWindow; // the bus's own, so that nothing else is odd
      const plain = Object.assign(new Object(), { ...data, payload: Object.assign(new Object(), data.payload) });
      contentWindow.dispatchEvent(
        new MessageEvent("message", { data: plain, origin: location.origin, source: window }),
      );
      contentWindow.postMessage(message("genuine"), origin);
    };
    document.body.append(made);
  },
};
actions[action]();
window.loaded = true;
