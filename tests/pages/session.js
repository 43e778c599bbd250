// What the tests of sessions call in a host page.
import "/pages/host.js";

// Each request comes with a port; resolves to the reply.
window.request = (type, payload = {}) => rawBus.overPort({ type, payload });

// What was pushed to the ports of INIT, the latest last.
window.pushed = [];
let look = () => {};

window.init = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    window.initPort?.close(); // what is still on its way over the one before goes nowhere
    window.initPort = port1;
    port1.onmessage = ({ data }) => {
      if (data.type.startsWith("BUS.INIT_")) resolve(data);
      else pushed.push(data);
      look();
    };
    rawBus.post({ type: "BUS.INIT", payload: { services: ["AUTH"] } }, [port2]);
  });

// Resolves to the pushes once there are that many, and forgets them; rejects after PUSHES_MS.
const PUSHES_MS = 45_000; // less than a test may take, which would end without saying what it waited for
window.pushes = (count) =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${pushed.length} of ${count} pushes came`)), PUSHES_MS);
    look = () => {
      if (pushed.length < count) return;
      clearTimeout(late);
      look = () => {};
      resolve(pushed.splice(0));
    };
    look();
  });
