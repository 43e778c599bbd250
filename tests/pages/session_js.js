// A host page with the session module, and the tab that it opens; what the tests call in both.
import "/pages/host.js";
import { openSession } from "/session.js";
import * as signin from "/signin.js";

let look = () => {};
window.openSession = openSession;

// What was told, the latest last: from, to, why, and whose session it is then.
window.listenTo = (session) => {
  const told = [];
  session.on("change", ({ before, after, reason }) => {
    told.push([before.state, after.state, reason, after.user?.name ?? null]);
    look();
  });
  return told;
};

// Opens a session on a new bus; resolves to what is known once it is restored.
window.begin = (src, options) => {
  window.asked = [];
  const debug = (line) => line.includes("->") && asked.push(line.split(" ")[2]);
  embed({ src, debug });
  window.session = openSession({ bus, appName: "app", release: "1", signin, ...options });
  window.told = listenTo(session);
  return session.ready.then(shown);
};

// What is known, as plain data.
window.shown = ({ state, user, company, error } = session.snapshot()) => ({
  state,
  user,
  company,
  error: error && `${error.code}: ${error.message}`,
});

// Resolves to the reports once there are that many, and forgets them. Each session asks the bus by itself:
// what one has told says nothing of what another has.
window.changes = (count, reports = told) =>
  new Promise((resolve) => {
    look = () => {
      if (reports.length < count) return;
      look = () => {};
      resolve(reports.splice(0));
    };
    look();
  });

// Resolves once this tab and its bus have both heard that nobody is signed in.
window.settled = async () => {
  while ((await outcome(bus.request("AUTH.CREDENTIALS", {}))) !== "NO_SESSION" || session.state !== "signed-out")
    await new Promise((resolve) => setTimeout(resolve, 20));
};

window.outcome = (promise) =>
  promise.then(
    (value) => value ?? null,
    ({ code, name }) => code ?? name,
  );

// Asks for credentials until there is another token than this one, or an error.
window.renewed = async (token) => {
  for (;;) {
    const got = await outcome(session.credentials());
    if (got.idToken !== token) return got;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

// The status and the body of an answer, or what was thrown instead.
window.got = (promise) => outcome(promise.then(async (response) => [response.status, await response.text()]));

window.openTab = async (page, src) => {
  window.other = open(page);
  while (!other.begin) await new Promise((resolve) => setTimeout(resolve, 20));
  return other.begin(src);
};

window.loaded = true;
// The tests wait for this line: the page has come back from the provider.
if (/[?&]state=/.test(location.search)) console.log("back in the tab");
