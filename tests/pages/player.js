// Plays the steps of tests/scenarios.py: against a bus, whichever it is, and the rest of the world of a mock.

const PATIENCE = 2000; // milliseconds of real time, of which a mock needs none
const PUSHES = ["AUTH.TOKEN_REFRESHED", "AUTH.REFRESH_TOKEN_EXPIRED", "AUTH.SESSION_CHANGED"];

// What JSON cannot say.
const ODD = {
  undefined: () => undefined,
  NaN: () => Number.NaN,
  date: () => new Date(0),
  map: () => new Map(),
  function: () => () => {},
  lone: () => "\ud800",
  hole: () => Array(2),
  deep: () => {
    let value = {};
    for (let i = 0; i < 70; i++) value = { value };
    return value;
  },
  large: () => "x".repeat(70_000),
  instance: () =>
    new (class Point {
      x = 1;
    })(),
};
const revived = (value) => {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(revived);
  if ("$" in value) return ODD[value.$]();
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revived(each)]));
};

// One tab of a host. `BusError` is the class that errors must be of; `patience()` waits a little, and what has
// not come after so many `rounds` of it does not come.
export function seat(bus, BusError, patience, rounds = 100) {
  const heard = [];
  const started = new Map();
  for (const type of PUSHES) bus.on(type, (payload) => heard.push(payload === undefined ? [type] : [type, payload]));
  const failure = (error) => {
    if (!(error instanceof BusError)) return { thrown: error.name };
    const { code, sent, meta, evidence } = error;
    const told = { code, sent, ...(meta && { meta }), ...(evidence && { evidence: evidence.length > 0 }) };
    if (code === "REJECTED") told.error = error.error;
    if (error.error?.details) told.at = error.error.details.map(({ loc }) => loc);
    return told;
  };
  const begin = ({ ask, with: payload = {}, timeout, aborted }, signal = undefined) => {
    const options = { ...(timeout !== undefined && { timeout: revived(timeout) }), signal };
    if (aborted) options.signal = AbortSignal.abort();
    return bus
      .request(ask, revived(payload), options)
      .then((payload) => ({ fulfilled: payload === undefined ? "nothing" : payload }), failure);
  };
  return {
    ready: () =>
      bus.ready.then(
        ({ protocol, services, types, authorization }) => ({
          ...{ protocol, services, types },
          // Its issuer is the server that the tests have started.
          ...(authorization && { authorization: { ...authorization, issuer: typeof authorization.issuer } }),
        }),
        failure,
      ),
    ask: begin,
    start(step) {
      const control = new AbortController();
      started.set(step.start, { control, answer: begin(step, control.signal) });
    },
    end: ({ end }) => started.get(end).answer,
    abort({ abort }) {
      started.get(abort).control.abort();
    },
    async hears({ hears: { length } }) {
      for (let left = rounds; heard.length < length && left; left--) await patience();
      return heard.splice(0);
    },
    destroy: () => bus.destroy(),
  };
}

// A browser with a mock bus in each of two tabs. `do(step)` returns the result.
export function mockWorld({ mockBus, mockClock, BusError }, options) {
  const clock = mockClock();
  const patience = () => new Promise((done) => setTimeout(done));
  const name = ({ code, email }) => (code ?? email).split("/")[0].split("@")[0];
  const first = mockBus({
    ...options,
    clock,
    user: (payload) => ({ name: name(payload) }),
    company: { name: "Engines" },
    credentials: (payload) => (name(payload) === "legacy" ? { legacy_token: "an old token" } : undefined),
  });
  const { mock } = first;
  const tabs = { 1: seat(first, BusError, patience), 2: seat(mock.openTab(), BusError, patience) };
  const letGo = new Map();
  let reported = 0;
  const world = {
    ...Object.fromEntries(
      ["ready", "start", "end", "abort", "hears", "destroy"].map((verb) => [
        verb,
        (step) => tabs[step.in ?? 1][verb](step),
      ]),
    ),
    async ask(step) {
      const answer = tabs[step.in ?? 1].ask(step);
      if (typeof step.timeout === "number") await clock.advance(step.timeout);
      return answer;
    },
    renew({ in: number = 1 }) {
      tabs[number].destroy();
      tabs[number] = seat(mock.openTab(), BusError, patience);
    },
    move: ({ move }) => clock.sleep(move * 1000),
    offline: () => mock.offline(),
    online: () => mock.online(),
    refuse: () => mock.refuseRefresh(),
    fail: ({ fail, as }) => mock.fail(fail, as),
    heal: () => mock.heal(),
    hold: ({ hold }) => letGo.set(hold, mock.hold(hold)),
    release: ({ release }) => letGo.get(release)(),
    arrived: () => mock.settled(),
    backend() {
      const told = mock.backend.slice(reported).map(({ to }) => to);
      reported = mock.backend.length;
      return told;
    },
  };
  return {
    async do(step) {
      const verb = ["start", ...Object.keys(world)].find((each) => each in step);
      let late;
      const never = new Promise((done) => (late = setTimeout(done, PATIENCE, "nothing came")));
      const came = await Promise.race([world[verb](step), never]);
      clearTimeout(late);
      return { came: came ?? null, now: clock.now() };
    },
  };
}
