// A host page with the sign-in helpers: where a sign-in begins, and where its answer comes to.
import { BusError } from "/client.js";
import { finishSignIn, startSignIn } from "/signin.js";
import "/pages/host.js";

const failure = (error) =>
  error instanceof BusError
    ? { code: error.code, message: error.message, error: error.error }
    : { thrown: String(error) };
const outcome = (promise) => promise.then((payload) => payload && { fulfilled: payload }, failure);

window.start = (options) => {
  try {
    return outcome(startSignIn(options));
  } catch (error) {
    return failure(error);
  }
};
window.finish = (options) => outcome(finishSignIn(options));

// Every window that is opened, so that the tests can close it as a person would.
const { open } = window;
window.open = (...args) => (window.popup = open(...args));

window.loaded = true;
// The tests wait for this line: the page has come back from the provider.
if (/[?#&]state=/.test(location.href)) console.log(`back in ${opener ? "a popup" : "the tab"}`);
if (/[?&]error=/.test(location.search)) console.log(`an error in ${opener ? "a popup" : "the tab"}`);
// A redirect page that finishes whatever comes, also in a popup, and one that goes on at once.
if (new URLSearchParams(location.search).has("finish")) finish({});
if (new URLSearchParams(location.search).has("go-on")) location.replace("/pages/host.html");

// A bus that only says what it is asked; the tests answer, by `answer(payload)`. `authorization`: what
// its BUS.READY says.
window.pretend = (authorization) => {
  window.sent = [];
  window.bus = {
    ready: Promise.resolve({ authorization }),
    request: (type, payload, { signal }) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new BusError("ABORTED", "", { sent: false }));
        sent.push({ type, payload });
        window.answer = resolve;
        signal?.addEventListener("abort", () => {
          sent.push("cancelled");
          reject(new BusError("ABORTED", "", { sent: true }));
        });
      }),
  };
};
