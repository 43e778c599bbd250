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

// Resolves to the pushes once there are that many, and forgets them.
window.pushes = (count) =>
  new Promise((resolve) => {
    look = () => {
      if (pushed.length < count) return;
      look = () => {};
      resolve(pushed.splice(0));
    };
    look();
  });
