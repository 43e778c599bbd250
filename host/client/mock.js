// A bus for the tests of host apps: the object that `embed()` returns, without an iframe, Python or a network.
//
//   import { mockBus } from "sso-bus-client/mock";
//   const bus = mockBus({ user: { name: "Ada" }, signedIn: true });
//   ... pass it to the app under test in place of embed(...)
//   bus.mock.refuseRefresh();
//   await bus.mock.expireTokens();              // the app hears AUTH.REFRESH_TOKEN_EXPIRED
//
// It answers like a bus with [bus.session] and [bus.password] and a working backend, in Node, in jsdom and
// in a browser. The tests play one table of scenarios against it and against a built bus, and compare the
// answers. All times are milliseconds, except for names that end in Seconds, Minutes or Days.

/** @import {BackendMeta, BusMeta, ErrorCode, RequestOptions} from "./client.js" */
/** @import {Clock, Failure, MockBus, MockClock, MockOptions} from "./mock.js" */
import { BusError, DEFAULT_TIMEOUT } from "./client.js";

const TURNS = 12; // microtasks between two messages
const SETTLED = 300; // microtasks that are enough for all immediate consequences
const LOOK = 30_000; // the longest timer of a session
const REST = 5000; // the shortest time between two refreshes that nobody requested, for tokens that live for seconds
const DAY = 86_400_000;
const MAX_BYTES = 65_536;
const MAX_DEPTH = 64;
const SIGN_INS = ["AUTH.SSO", "AUTH.EMAIL_AND_PASSWORD"];
const WITH_SESSION = ["AUTH.CREDENTIALS", "AUTH.SIGN_OUT", "BUS.DESTROY", "BUS.INIT", "BUS.REGISTER"];
const FROM_BUS =
  /_(FULFILLED|REJECTED)$|^(BUS\.(LISTENING|READY|CANCEL)|AUTH\.(TOKEN_REFRESHED|REFRESH_TOKEN_EXPIRED|SESSION_CHANGED))$/;

/** The global clock, which fake timers may have replaced. @type {Clock} */
const pageClock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(/** @type {any} */ (timer)),
};

const turns = async (count = TURNS) => {
  for (let turn = 0; turn < count; turn++) await null;
};
const copy = (value) => (value === undefined ? value : JSON.parse(JSON.stringify(value)));

/**
 * A clock that only the test moves. `start`: milliseconds since the epoch.
 * `advance(ms)` runs each timer at its time; `sleep(ms)` imitates a machine that slept: all timers that
 * are due run afterwards. Both resolve when all immediate consequences have happened.
 * @param {number} start
 * @returns {MockClock}
 */
export function mockClock(start = Date.now()) {
  let now = start;
  let count = 0;
  const timers = new Map(); // number -> {at, callback}, in the order they were set
  const advance = async (ms) => {
    const until = now + ms;
    await turns(SETTLED);
    for (;;) {
      const due = [...timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at);
      if (!due.length) break;
      const [number, { at, callback }] = due[0];
      timers.delete(number);
      now = Math.max(now, at);
      callback();
      await turns(SETTLED);
    }
    now = until;
  };
  return {
    now: () => now,
    setTimeout(callback, ms) {
      timers.set(++count, { at: now + Math.max(ms, 0), callback });
      return count;
    },
    clearTimeout: (number) => void timers.delete(number),
    advance,
    sleep(ms) {
      now += ms;
      return advance(0);
    },
  };
}

/**
 * Makes a bus for a test: the object that `embed()` returns, and `mock`, with which the test controls the
 * backend, time and other tabs. All options have defaults; mock.d.ts describes them and the methods of `mock`.
 * @param {MockOptions} options
 * @returns {MockBus}
 */
export function mockBus(options = {}) {
  const world = newWorld(options);
  if (options.signedIn) world.record = world.newRecord("AUTH.SSO", {});
  return newTab(world, options).bus;
}

// ---- the world: the backend, and the session that all tabs share ---------------------------------

/** @param {MockOptions} options */
function newWorld({
  user = { name: "Ada Lovelace" },
  company = { name: "Analytical Engines" },
  credentials,
  claims = {},
  clock = pageClock,
  lifeSeconds = 900,
  refreshTokens = true,
  accessTokens = false,
  accessTokenLifeSeconds = lifeSeconds,
  refreshMarginSeconds = 90,
  requestTimeoutSeconds = 15,
  maxAgeDays = 90,
  idleMinutes = 0,
  logoutUrl,
}) {
  const delays = new Map(); // what -> milliseconds
  const holds = new Map(); // what -> a promise that resolves when it is released
  const failures = new Map(); // what -> a failure
  const revoked = new Set(); // refresh tokens
  let tokens = 0;
  let generations = 0;
  let timer;
  /** @type {Promise<void> | null} */
  let refreshing = null;

  const after = (ms, callback) => {
    const set = clock.setTimeout(callback, Math.min(ms, 2 ** 31 - 1));
    /** @type {any} */ (set)?.unref?.(); // a forgotten mock does not keep Node running
    return set;
  };
  const sleep = (ms) => {
    let set;
    const over = ms === Infinity ? new Promise(() => {}) : new Promise((done) => (set = after(ms, done)));
    return { over, stop: () => clock.clearTimeout(set) };
  };

  // ---- delays and failures that a test has set

  // Waits and fails as the test has set. `limit`: the time limit for the backend's answer.
  const perform = async (what, limit = Infinity) => {
    const ms = delays.get(what) ?? 0;
    if (ms || holds.has(what)) {
      const [slow, late] = [sleep(ms), sleep(limit)];
      const answered = Promise.all([ms && slow.over, holds.get(what)]).then(() => true);
      const inTime = await Promise.race([answered, late.over]);
      for (const each of [slow, late]) each.stop();
      if (!inTime) throw rejection("BACKEND_TIMEOUT", "The backend did not answer within the time limit.");
    }
    if (limit < Infinity && world.offline)
      throw rejection("BACKEND_UNREACHABLE", "The backend could not be reached, or its answer broke off.");
    const failure = failures.get(what);
    if (!failure) return;
    if (!--failure.times) failures.delete(what);
    throw failed(failure);
  };
  const askBackend = async (to, what, body) => {
    world.backend.push({ to, body: copy(body) });
    await perform(what, requestTimeoutSeconds * 1000);
  };

  /** @type {(sub: string) => any} */
  const newPair = (sub) => {
    tokens += 1;
    const iat = Math.floor(clock.now() / 1000);
    const body = { iss: "https://idp.example.com", sub, iat, exp: iat + lifeSeconds, jti: String(tokens), ...claims };
    const expires = clock.now() + accessTokenLifeSeconds * 1000;
    return {
      idToken: `${base64url({ alg: "none" })}.${base64url(body)}.mock`,
      ...(refreshTokens && { refreshToken: `refresh-${tokens}` }),
      ...(accessTokens && { accessToken: `access-${tokens}` }),
      ...(accessTokens && accessTokenLifeSeconds && { accessTokenExpiresAt: expires }),
    };
  };

  const world = {
    clock,
    after,
    delays,
    holds,
    failures,
    perform,
    askBackend,
    logoutUrl,
    /** @type {any} */
    record: null,
    tabs: new Set(),
    /** @type {any[]} */
    backend: [],
    offline: false,
    refuses: false,

    newRecord(type, payload) {
      const of = (value) => copy(typeof value === "function" ? value(payload, type) : value);
      const now = clock.now();
      const generation = ++generations;
      return {
        generation,
        user: of(user),
        company: of(company),
        credentials: of(credentials) ?? newPair(`user-${generation}`),
        turn: 0,
        arrival: now,
        expires: now + maxAgeDays * DAY,
        active: now,
        pause: null,
      };
    },

    // ---- its age (bus/session/age.py)

    life: lifeSeconds * 1000,
    hasTokens: (record) => "idToken" in record.credentials,
    refreshable: (record) => Boolean(record.credentials.refreshToken),
    expiresAt: ({ arrival }) => arrival + world.life,
    // How long each token lives, from its arrival.
    lives: ({ arrival, credentials: { accessTokenExpiresAt: at } }) => [world.life, ...(at ? [at - arrival] : [])],
    left: (record) => record.arrival + Math.min(...world.lives(record)) - clock.now(),
    // In how many milliseconds a token will no longer be valid for `seconds`; the earliest counts.
    due(record, seconds = refreshMarginSeconds) {
      const due = world.lives(record).map((life) => life - Math.min(seconds * 1000, life / 2));
      return record.arrival + Math.min(...due) - clock.now();
    },
    good: (record, seconds) => world.left(record) > 0 && world.due(record, seconds) >= 0,
    over(record) {
      const now = clock.now();
      if (now >= record.expires || (idleMinutes > 0 && now - record.active >= idleMinutes * 60_000)) return true;
      return world.hasTokens(record) && !world.refreshable(record) && world.left(record) <= 0;
    },
    wants: (record) => world.refreshable(record) && Boolean(record.pause || !world.good(record)),
    pauseLeft: ({ pause }) => (pause ? pause.at + pause.length - clock.now() : 0),

    // ---- its end, its changes, its refreshes

    // Ends the session by age, idleness or refusal; `noteEnd` tells each tab that it was not a sign-out.
    end(record) {
      for (const tab of world.tabs) tab.noteEnd(record.generation);
      world.record = null;
      world.changed();
    },
    // Tells all tabs; each one looks at the record itself.
    changed() {
      for (const tab of world.tabs) turns().then(() => tab.look());
      world.watch();
    },
    // Refreshes tokens that are due, and sets a timer for the next look.
    watch() {
      clock.clearTimeout(timer);
      const tabs = [...world.tabs].filter((tab) => tab.listens());
      if (!tabs.length) return;
      const now = clock.now();
      const { record } = world;
      const waits = [LOOK];
      if (record) {
        waits.push(record.expires - now);
        if (idleMinutes) waits.push(record.active + idleMinutes * 60_000 - now);
        if (record.pause) waits.push(world.pauseLeft(record));
        else if (world.refreshable(record)) waits.push(Math.max(world.due(record), record.arrival + REST - now));
        else if (world.hasTokens(record)) waits.push(world.left(record));
        if (world.over(record)) return void tabs[0].look();
        const rested = now - record.arrival >= REST;
        if (world.wants(record) && rested && world.pauseLeft(record) <= 0) world.refresh(tabs[0]);
      }
      timer = after(Math.min(...waits.filter((wait) => wait > 0)), world.watch);
    },

    // One refresh at a time over all tabs. Resolves when it is over; never rejects.
    refresh: (tab) =>
      (refreshing ??= refresh(tab).finally(() => {
        refreshing = null;
        world.watch();
      })),
    refreshed: () => refreshing,

    async revoke({ credentials: { refreshToken } }) {
      if (!refreshToken) return;
      revoked.add(refreshToken);
      await askBackend("revoke", "revoke", { refreshToken }).catch(() => {}); // best effort
    },
  };

  const refresh = async (tab) => {
    const seen = world.record;
    const { refreshToken } = seen.credentials;
    /** @type {any} */
    let failure = null;
    try {
      await askBackend("refresh", "refresh", { refreshToken });
      if (world.refuses || revoked.has(refreshToken))
        failure = rejected({ error: "refused" }, { source: "backend", status: 401 });
    } catch (error) {
      failure = error;
    }
    const { record } = world;
    if (record?.generation !== seen.generation) {
      if (!failure) await world.revoke({ credentials: newPair("nobody") });
      return;
    }
    tab.lastError = failure;
    if (!failure) {
      const pair = { refreshToken, ...newPair(`user-${record.generation}`) };
      Object.assign(record, { credentials: pair, turn: record.turn + 1, arrival: clock.now(), pause: null });
    } else if (failure.code === "REJECTED" && [400, 401, 403].includes(failure.meta.status)) {
      tab.lastError = null;
      world.end(record);
    } else {
      const failures = (record.pause?.failures ?? 0) + 1;
      const asked = Math.min((failure.retryAfterSeconds ?? 0) * 1000, 3_600_000);
      const length = Math.max(1000 * Math.min(300, 2 ** (failures - 1)), asked);
      const code = failure.code === "REJECTED" ? "BACKEND_ERROR" : failure.code;
      record.pause = { at: clock.now(), length, failures, asked: asked === length, code };
    }
    tab.look(); // before the other tabs
    world.changed();
  };
  return world;
}

// ---- a tab: the object that embed() returns, and the bus in its frame --------------------------------

function newTab(world, options) {
  const {
    origin = "https://bus.example.com",
    timeout = DEFAULT_TIMEOUT,
    hostOrigin = globalThis.location?.origin,
    replyPort = true,
    session = true,
    password = true,
    authorization,
    bootMs = 0,
    down,
    debug,
  } = options;
  mustBeTime(timeout);
  const { clock } = world;
  const types = [
    "AUTH.SSO",
    "BUS.CANCEL",
    ...(session ? WITH_SESSION : []),
    ...(password ? ["AUTH.EMAIL_AND_PASSWORD"] : []),
  ].sort();
  const listeners = new Map(); // type -> set of callbacks
  const pending = new Set(); // requests
  const signIns = new Map(); // key -> a sign-in under way
  const asked = [];
  const born = clock.now();
  let requests = 0;
  let destroyed = false;
  /** @type {any} */
  let fault = null; // the error of every request, if the bus is down
  let outbox = Promise.resolve(); // messages go out one after the other

  const say = debug === true ? console.debug : debug;
  const tell = (way, type, id, since = born) =>
    say?.(`sso-bus: ${way} ${type}${id ? ` ${id}` : ""} ${clock.now() - since} ms`);
  const post = (call) => (outbox = outbox.then(call).then(() => turns()));

  const hear = (type, payload) => {
    if (destroyed) return;
    tell("<-", type);
    for (const callback of [...(listeners.get(type) ?? [])]) {
      try {
        callback(copy(payload));
      } catch (error) {
        queueMicrotask(() => {
          throw error; // the host's own error, which stops nothing here
        });
      }
    }
  };

  // ---- what the host was told of the session (bus/session/host.py)

  let listens = false;
  let met = false; // whether the host knows the user, or knows that there is no session
  let known = null; // the generation of the session that the host knows
  let last = null; // that session
  let expired = false; // whether it ended without a sign-out
  let told = ""; // the last pair of tokens that this tab got

  const pairOf = ({ generation, turn }) => `${generation} ${turn}`;
  const push = (type, payload) => post(() => listens && hear(type, payload));
  const meet = (record) => {
    const generation = record?.generation ?? null;
    expired = false;
    met = true;
    known = generation;
    last = record && { ...record };
  };
  // Notes that the host gets these tokens, or none, in the reply to its own request.
  const has = (record) => {
    meet(record);
    told = record ? pairOf(record) : "";
  };
  const inform = (record) => {
    if (!listens) return;
    const generation = record?.generation ?? null;
    if (met && generation !== known) {
      if (expired || (last && world.over(last))) {
        push("AUTH.REFRESH_TOKEN_EXPIRED");
        known = null;
      }
      if (generation !== known) push("AUTH.SESSION_CHANGED", { user: record?.user ?? null });
    }
    meet(record);
    if (!record || !world.hasTokens(record) || pairOf(record) === told) return;
    if (world.wants(record) && !(record.pause && world.left(record) > 0)) return; // it is about to be refreshed
    told = pairOf(record);
    push("AUTH.TOKEN_REFRESHED", record.credentials);
  };
  const look = ({ active = false, heard = false } = {}) => {
    if (world.record && world.over(world.record)) world.end(world.record);
    const { record } = world;
    if (record && active) record.active = clock.now();
    inform(record);
    if (heard) meet(record);
    return record;
  };

  // ---- requests (bus/services)

  const file = (record) => {
    world.record = record;
    tab.lastError = null;
    has(record);
    world.changed();
  };
  const signOut = () => {
    const { record } = world;
    world.record = null;
    for (const sign of [...signIns.values()]) sign.fail(rejection("CANCELLED", "The user signed out meanwhile."));
    has(null);
    tab.lastError = null;
    world.changed();
    return record;
  };

  // One exchange for all requests with the same code; it ends when the last of them is cancelled.
  const signIn = (type, payload, request) => {
    const { code } = payload;
    const fields = ["code", "redirectUrl", "codeVerifier", "nonce"].map((name) => payload[name] ?? "");
    const key = code === undefined ? request : JSON.stringify(fields);
    if (payload.nonce && !authorization)
      throw invalid([{ loc: ["nonce"], message: "has no use with the provider of this bus" }]);
    if ([...signIns].some(([other, sign]) => other !== key && code !== undefined && sign.code === code))
      throw invalid([{ loc: ["code"], message: "is being exchanged already, with other fields" }]);
    if (authorization && code !== undefined && !payload.codeVerifier)
      throw invalid([{ loc: ["codeVerifier"], message: "is missing: with this provider, PKCE is required" }]);
    let sign = signIns.get(key);
    if (!sign) {
      sign = { code, waiting: new Set() };
      const wanted = () => signIns.get(key) === sign;
      sign.answer = new Promise((resolve, reject) => {
        const over = (finish) => (value) => {
          if (wanted()) signIns.delete(key);
          finish(value);
        };
        Object.assign(sign, { end: over(resolve), fail: over(reject) });
      });
      signIns.set(key, sign);
      exchange(type, payload, wanted).then(sign.end, sign.fail);
    }
    const { waiting, end, answer } = sign;
    waiting.add(request);
    request.cancel = () => {
      waiting.delete(request);
      if (!waiting.size) end(null);
    };
    return answer;
  };
  const exchange = async (type, payload, wanted) => {
    await world.askBackend(type === "AUTH.SSO" ? "exchange" : "sign-in", type, payload);
    if (!wanted()) return;
    const record = world.newRecord(type, payload);
    if (session) file(record);
    return { credentials: record.credentials, currentUser: record.user, company: record.company };
  };

  const holding = (record) => ({
    credentials: record.credentials,
    currentUser: record.user,
    company: record.company,
    ...(world.hasTokens(record) && { expiresAt: world.expiresAt(record) }),
  });
  const noSession = () => rejection("NO_SESSION", "Nobody is signed in, or the session is over.");

  const handlers = {
    "AUTH.SSO": signIn,
    "AUTH.EMAIL_AND_PASSWORD": signIn,
    async "AUTH.CREDENTIALS"(_type, { minValiditySeconds }) {
      const record = look({ active: true, heard: true });
      if (!record) throw noSession();
      if (!world.refreshable(record) || world.good(record, minValiditySeconds)) return holding(record);
      const { generation, turn } = record;
      if (world.pauseLeft(record) <= 0) await world.refresh(tab);
      const now = look({ heard: true });
      if (now?.generation !== generation) throw noSession();
      if (now.turn === turn && world.left(now) <= 0)
        throw tab.lastError ?? rejection(now.pause?.code ?? "BACKEND_UNREACHABLE", "The last refresh failed.");
      return holding(now);
    },
    async "AUTH.SIGN_OUT"() {
      const record = signOut();
      await world.refreshed();
      if (record) await world.revoke(record);
      return world.logoutUrl ? { logoutUrl: world.logoutUrl } : {};
    },
    async "BUS.REGISTER"(_type, { origin: own }) {
      if (hostOrigin !== undefined && own !== hostOrigin)
        throw rejection("ORIGIN_MISMATCH", "The origin is not that of the page that sent it.");
      const record = look({ active: true, heard: true });
      return record ? { user: record.user } : undefined;
    },
    async "BUS.INIT"(_type, { services }, request) {
      look({ active: true });
      if (!services.includes("AUTH")) return;
      request.replied = () => {
        if (listens && replyPort) told = ""; // the new port gets the tokens once
        listens = true;
        look();
        world.watch();
      };
    },
    async "BUS.DESTROY"(_type, { services }) {
      look({ active: true });
      if (!services.includes("AUTH")) return;
      listens = false;
      told = "";
    },
  };

  const serve = async (request, { type, payload }) => {
    await booted;
    if (silent(type)) return new Promise(() => {}); // no reply, as from the bus
    const problem = isPlain(payload) ? problemIn(type, payload) : "The payload is not a plain object.";
    if (fault) {
      if (type === "AUTH.SIGN_OUT" && session && !problem) signOut();
      throw fault;
    }
    if (!types.includes(type)) throw rejection("UNKNOWN_TYPE", "This bus does not serve messages of this type.");
    if (problem) throw rejection("INVALID_MESSAGE", problem);
    const details = wrongIn(type, payload);
    if (details.length) throw invalid(details);
    if (!SIGN_INS.includes(type)) await world.perform(type);
    if (!pending.has(request)) return;
    return handlers[type](type, payload, request);
  };

  // ---- the object that embed() returns

  const readyPayload = () => ({
    version: "mock",
    protocol: /** @type {const} */ (1),
    services: ["AUTH"],
    types,
    ...(authorization && { authorization: copy(authorization) }),
  });
  let endReady;
  const ready = new Promise((resolve, reject) => {
    endReady = (error) => (error ? reject(error) : resolve(readyPayload()));
  });
  ready.catch(() => {}); // no unhandled rejection if the app does not await it
  const announce = () => {
    if (fault?.evidence) return;
    hear("BUS.LISTENING", { protocol: 1 });
    if (fault) return;
    endReady();
    hear("BUS.READY", readyPayload());
  };
  const failAll = (error) => {
    for (const request of [...pending]) request.fail(error);
  };
  const goDown = (code) => {
    const diagnosed = ["BUS_UNREACHABLE", "NOT_ALLOWED", "MISCONFIGURED"].includes(code);
    const message = "The test has put this bus out of order.";
    fault = diagnosed ? new BusError(code, message, { evidence: ["the test says so"] }) : rejection(code, message);
    endReady(fault);
    failAll(fault);
  };

  /** @type {(type: string, payload?: any, options?: RequestOptions) => Promise<any>} */
  const request = async (type, payload = {}, { timeout: limit = timeout, signal } = {}) => {
    if (destroyed) throw new BusError("DESTROYED", "The bus was destroyed.");
    if (signal?.aborted) throw aborted(signal, false);
    mustBeTime(limit);
    if (fault?.evidence) throw again(fault);
    const sent = posted(payload);
    asked.push({ type, payload: sent, at: clock.now() });
    return new Promise((resolve, reject) => {
      const began = clock.now();
      const id = String(++requests);
      let late;
      const end = (finish, value) => {
        if (!pending.delete(entry)) return;
        clock.clearTimeout(late);
        signal?.removeEventListener("abort", onAbort);
        finish(value);
      };
      const entry = {
        cancel: () => {},
        /** @type {null | (() => void)} */
        replied: null, // called after the reply
        fail(error) {
          tell("xx", `${type} ${error.code}`, id, began);
          end(reject, again(error, true));
        },
        giveUp(error) {
          entry.cancel();
          entry.fail(error);
        },
      };
      const answer = (ending, finish, value) =>
        post(() => {
          if (!pending.has(entry)) return;
          tell("<-", `${type}_${ending}`, id, began);
          end(finish, value);
          entry.replied?.();
        });
      const onAbort = () => entry.giveUp(aborted(/** @type {AbortSignal} */ (signal), true));
      signal?.addEventListener("abort", onAbort);
      if (limit < Infinity)
        late = world.after(limit, () =>
          entry.giveUp(new BusError("TIMEOUT", `No answer within ${limit} ms.`, { sent: true })),
        );
      pending.add(entry);
      tell("->", type, id);
      serve(entry, { type, payload: sent }).then(
        (value) => answer("FULFILLED", resolve, copy(value)),
        (error) => answer("REJECTED", reject, again(error)),
      );
    });
  };

  /** @type {(type: string, callback: (payload: any) => void) => () => void} */
  const on = (type, callback) => {
    if (!listeners.has(type)) listeners.set(type, new Set());
    listeners.get(type).add(callback);
    return () => void listeners.get(type)?.delete(callback);
  };

  const destroy = () => {
    if (destroyed) return;
    destroyed = true;
    listens = false;
    world.tabs.delete(tab);
    signIns.clear();
    const error = new BusError("DESTROYED", "The bus was destroyed.");
    endReady(error);
    failAll(error);
    listeners.clear();
    world.watch();
  };

  const reload = () => {
    failAll(new BusError("BUS_RELOADED", "The bus was reloaded or left its page.", { sent: true }));
    signIns.clear();
    listens = met = expired = false;
    known = last = tab.lastError = fault = null;
    told = "";
    post(announce);
  };

  const tab = {
    /** @type {any} */
    lastError: null,
    look,
    file,
    signOut,
    listens: () => listens,
    noteEnd(generation) {
      expired ||= generation === known;
    },
  };
  world.tabs.add(tab);
  const booted = turns().then(() => (bootMs ? new Promise((done) => world.after(bootMs, done)) : undefined));
  booted.then(() => {
    if (!destroyed) post(announce);
  });
  if (down) goDown(down);

  const bus = {
    iframe: globalThis.document?.createElement("iframe"), // never in the page
    origin,
    timeout,
    ready,
    request,
    on,
    destroy,
  };
  const mock = controls(world, options, { asked, reload, goDown });
  return { bus: /** @type {any} */ (Object.assign(bus, { mock })), tab };
}

// ---- the controls of a test --------------------------------------------------------------------------

function controls(world, options, { asked, reload, goDown }) {
  const open = (more) => newTab(world, { ...options, down: undefined, ...more });
  let other; // a tab of which the test sees only the effects
  const elsewhere = () => (other ??= open({ debug: undefined }).tab);
  const settled = () => turns(SETTLED);
  const online = () => {
    world.offline = false;
    if (world.record?.pause && !world.record.pause.asked) world.record.pause.length = 0;
    world.watch();
    return settled();
  };
  return {
    asked,
    backend: world.backend,
    clock: world.clock,
    get session() {
      const { record } = world;
      if (!record) return null;
      const { user, company, credentials } = record;
      return copy({ user, company, credentials });
    },
    settled,
    expireTokens() {
      if (world.record) world.record.arrival = world.clock.now() - world.life;
      world.watch();
      return settled();
    },
    expireSession() {
      if (world.record) world.end(world.record);
      return settled();
    },
    refuseRefresh() {
      world.refuses = true;
    },
    offline() {
      world.offline = true;
    },
    online,
    fail(what, failure, { times = Infinity } = {}) {
      world.failures.set(what, { ...(typeof failure === "string" ? { code: failure } : failure), times });
    },
    delay(what, ms) {
      world.delays.set(what, ms);
    },
    hold(what) {
      let letGo;
      const held = new Promise((resolve) => (letGo = resolve));
      world.holds.set(what, held);
      return () => {
        if (world.holds.get(what) === held) world.holds.delete(what);
        letGo();
        return settled();
      };
    },
    heal() {
      world.refuses = false;
      for (const plan of [world.failures, world.delays]) plan.clear();
      return online();
    },
    signOutElsewhere() {
      elsewhere().signOut();
      return settled();
    },
    signInElsewhere(/** @type {any} */ { user, company, credentials } = {}) {
      const given = Object.entries({ user, company, credentials }).filter(([, value]) => value !== undefined);
      elsewhere().file(Object.assign(world.newRecord("AUTH.SSO", {}), Object.fromEntries(copy(given))));
      return settled();
    },
    openTab: (more = {}) => open(more).bus,
    reload() {
      reload();
      return settled();
    },
    down(code) {
      goDown(code);
      return settled();
    },
  };
}

// ---- errors ----------------------------------------------------------------------------------------

/** @type {(code: ErrorCode, message: string, more?: {details?: any[], status?: number}) => any} */
function rejection(code, message, { details, status } = {}) {
  const error = { code, message, ...(details && { details }) };
  /** @type {BusMeta} */
  const meta = { source: "bus", ...(status && { status }) };
  return new BusError(code, message, { error, meta, sent: true });
}

/** @type {(error: any, meta: BackendMeta) => any} */
function rejected(error, meta) {
  return new BusError("REJECTED", "The backend rejected the request.", { error, meta, sent: true });
}

const invalid = (details) => rejection("INVALID_PAYLOAD", "The payload does not fit; see details.", { details });

const CLIENTS = /^(TIMEOUT|ABORTED|DESTROYED|BUS_RELOADED|BUS_UNREACHABLE|NOT_ALLOWED|MISCONFIGURED)$/;

// Returns the error for a failure that the test has set.
function failed({ code, message = "The test lets this fail.", error = null, status, sent = true, retryAfterSeconds }) {
  const made =
    code === "REJECTED"
      ? rejected(error, { source: "backend", status: status ?? 400 })
      : CLIENTS.test(code)
        ? new BusError(code, message, {
            sent,
            ...(/^(BUS_U|NOT|MIS)/.test(code) && { evidence: [message], sent: false }),
          })
        : rejection(code, message, { status });
  return Object.assign(made, retryAfterSeconds !== undefined && { retryAfterSeconds });
}

function aborted({ reason }, sent) {
  return new BusError("ABORTED", "The request was aborted.", { cause: reason, sent });
}

// Returns a new error for each request. Any other error than a BusError is a mistake in the test's own functions.
function again(error, sent = error.sent) {
  if (!(error instanceof BusError)) return error;
  const { code, message, error: said, meta, evidence, cause } = error;
  return new BusError(code, message, /** @type {any} */ ({ error: copy(said), meta, evidence, cause, sent }));
}

function mustBeTime(limit) {
  if (typeof limit !== "number" || Number.isNaN(limit))
    throw new TypeError("timeout must be a number of milliseconds.");
}

// ---- what the bus refuses (bus/requests.js, bus/messages.py, bus/urls.py) -----------------------------

const silent = (type) =>
  typeof type !== "string" ||
  type.length > 64 ||
  !/^[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*$/.test(type) ||
  FROM_BUS.test(type);

// Judged by its shape, because in jsdom a clone belongs to another realm.
function isPlain(value) {
  if (Object.prototype.toString.call(value) !== "[object Object]") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

// Returns a payload as it arrives. Throws the error of postMessage, if structuredClone is there.
function posted(payload) {
  return typeof structuredClone === "function" ? structuredClone(payload) : payload;
}

function problemIn(type, payload) {
  const walk = (value, path, depth) => {
    if (typeof value === "string")
      return /\p{Surrogate}/u.test(value) ? `${path} is not well-formed: it holds a lone surrogate.` : null;
    if (typeof value === "number") return Number.isFinite(value) ? null : `${path} is not a finite number.`;
    if (value === null || typeof value === "boolean") return null;
    if (typeof value !== "object") return `${path} is of type ${typeof value}, which JSON does not have.`;
    if (depth > MAX_DEPTH) return `The payload is nested deeper than ${MAX_DEPTH} levels.`;
    const keys = Object.keys(value);
    if (Array.isArray(value)) {
      if (keys.length !== value.length) return `${path} is an array with holes or names.`;
    } else if (!isPlain(value)) return `${path} is not a plain object, array, string, number, boolean or null.`;
    for (const key of keys) {
      const found = walk(key, `a key of ${path}`, depth) ?? walk(value[key], `${path}.${key}`, depth + 1);
      if (found) return found;
    }
    return null;
  };
  const found = walk(payload, "payload", 1);
  if (found) return found;
  const message = JSON.stringify({ type, id: "0".repeat(32), payload }); // an id as long as the client's
  const bytes = encodeURIComponent(message).replace(/%../g, "x").length;
  return bytes > MAX_BYTES ? `The message is larger than ${MAX_BYTES} bytes of JSON.` : null;
}

const text = (min, max, problem) => (value) => {
  if (typeof value !== "string") return "must be a string";
  if (value.length < min || value.length > max) return `must have ${min} to ${max} characters`;
  return problem?.(value);
};
const EMAIL =
  /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-zA-Z\d](?:[a-zA-Z\d-]{0,61}[a-zA-Z\d])?(?:\.[a-zA-Z\d](?:[a-zA-Z\d-]{0,61}[a-zA-Z\d])?)*$/;
const services = (value) => {
  if (!Array.isArray(value)) return "must be an array";
  if (value.length > 64) return "must have at most 64 items";
  return value.flatMap((each, i) => (typeof each === "string" ? [] : [{ loc: [i], message: "must be a string" }]));
};
// The fields of each type, in order; a question mark means that the field is optional.
const FIELDS = {
  "AUTH.SSO": {
    code: text(1, 4096),
    redirectUrl: text(1, 2048, redirectUrlProblem),
    "codeVerifier?": text(43, 128, (value) => /[^\w.~-]/.test(value) && "must be unreserved characters"),
    "nonce?": text(1, 255),
  },
  "AUTH.EMAIL_AND_PASSWORD": {
    email: text(0, 254, (value) => !EMAIL.test(value) && "must be an e-mail address as the HTML standard has it"),
    password: text(1, 1024),
  },
  "AUTH.CREDENTIALS": {
    "minValiditySeconds?": (value) => !(typeof value === "number" && value >= 0 && value <= 600) && "must be 0 to 600",
  },
  "AUTH.SIGN_OUT": {},
  "BUS.REGISTER": { origin: text(0, Infinity), appName: text(1, 128), release: text(1, 128) },
  "BUS.INIT": { services },
  "BUS.DESTROY": { services },
};

function wrongIn(type, payload) {
  const fields = Object.entries(FIELDS[type]).map(([name, check]) => [
    name.replace("?", ""),
    check,
    name.endsWith("?"),
  ]);
  const found = fields.flatMap(([name, check, optional]) => {
    if (!Object.hasOwn(payload, name)) return optional ? [] : [{ loc: [name], message: "is missing" }];
    const problem = check(payload[name]);
    if (!problem) return [];
    return typeof problem === "string"
      ? [{ loc: [name], message: problem }]
      : problem.map(({ loc, message }) => ({ loc: [name, ...loc], message }));
  });
  const names = fields.map(([name]) => name);
  const unknown = Object.keys(payload).filter((name) => !names.includes(name));
  return [...found, ...unknown.map((name) => ({ loc: [name], message: "is not a field of this message" }))].slice(
    0,
    64,
  );
}

function redirectUrlProblem(value) {
  if (/[^\x21-\x7e]|\\/.test(value)) return "must be ASCII, without spaces, control characters or backslashes";
  const written = /^https?:\/\/([^/?#]+)/i.exec(value)?.[1];
  if (!written) return "must be an absolute https URL";
  let url;
  try {
    url = new URL(value);
  } catch {
    return "is not a valid URL";
  }
  if (value.includes("#")) return "must not have a fragment";
  if (written.includes("@")) return "must not have user info";
  if (!/^([a-z\d_.-]+|\[[\da-f:]+\])$/.test(url.hostname)) return "has a host that is neither a name nor an address";
  const loopback = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== "https:" && !loopback) return "must be https (http only on a loopback host)";
  if (written.replace(/:\d*$/, "") !== url.hostname) return "must have its host as the URL standard serialises it";
}

function base64url(value) {
  const ascii = JSON.stringify(value).replace(
    /[^\0-\x7f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return btoa(ascii).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
