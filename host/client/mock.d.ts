// Made by `make generate` from host/tools/types/mock.in.d.ts and the models of the messages: change those.
// The types of host/client/mock.js: a bus for the tests of host apps, without an iframe, Python or a network.

import type { Authorization, Bus, Credentials, ErrorCode, JsonObject, JsonValue } from "./client.js";

/** The clock of a mock. `clearTimeout` takes what `setTimeout` returns. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** A clock that only the test moves. */
export interface MockClock extends Clock {
  /** Advances the clock by `ms` milliseconds, and runs each timer at its time. */
  advance(ms: number): Promise<void>;
  /** Imitates a machine that slept for `ms` milliseconds: timers that are due run afterwards. */
  sleep(ms: number): Promise<void>;
}

/** Makes a clock. `start`: its time, in milliseconds since the epoch. Default: now. */
export declare function mockClock(start?: number): MockClock;

/** A value, or a function that makes it from a sign-in's payload and type. */
export type Given<T> = T | ((payload: { code?: string; email?: string }, type: string) => T);

/** How a request, or the backend, fails: with a code of the bus or of the client. */
export interface Failure {
  code: ErrorCode;
  message?: string | undefined;
  /** With `REJECTED`: the backend's own JSON. */
  error?: JsonValue | undefined;
  /** The backend's HTTP status. A refresh that is `REJECTED` with 400, 401 or 403 ends the session. */
  status?: number | undefined;
  /** The backend's `Retry-After`, in seconds. */
  retryAfterSeconds?: number | undefined;
}

/** What a test can delay or let fail: a type of request, or the backend's refresh or revocation. */
export type Act =
  | "AUTH.SSO"
  | "AUTH.EMAIL_AND_PASSWORD"
  | "AUTH.CREDENTIALS"
  | "AUTH.SIGN_OUT"
  | "BUS.REGISTER"
  | "BUS.INIT"
  | "BUS.DESTROY"
  | "refresh"
  | "revoke";

export interface MockOptions {
  /** The user who signs in. */
  user?: Given<JsonObject> | undefined;
  /** The user's company. */
  company?: Given<JsonObject> | undefined;
  /** The credentials that the backend gives for a sign-in. Default: new tokens. */
  credentials?: Given<Credentials | undefined> | undefined;
  /** More claims for the ID tokens, which are JWTs without a signature. */
  claims?: JsonObject | undefined;
  /** Whether a session exists from the start, as after a reload. Default: false. */
  signedIn?: boolean | undefined;
  /** The mock's clock. Default: the global `Date` and `setTimeout`, which fake timers may have replaced. */
  clock?: Clock | undefined;
  /** How long an ID token is valid. Default: 900. */
  lifeSeconds?: number | undefined;
  /** Whether the tokens include a refresh token. Default: true. false: as with `refresh_token = "optional"` and a provider that gives none. */
  refreshTokens?: boolean | undefined;
  /** Whether the tokens include an access token, as with `access_token = true`. Default: false. */
  accessTokens?: boolean | undefined;
  /** How long an access token is valid. 0: the provider does not say. Default: as long as an ID token. */
  accessTokenLifeSeconds?: number | undefined;
  /** The bus's `refresh_margin_seconds`. Default: 90. */
  refreshMarginSeconds?: number | undefined;
  /** The bus's `request_timeout_seconds`. Default: 15. */
  requestTimeoutSeconds?: number | undefined;
  /** The bus's `max_age_days`. Default: 90. */
  maxAgeDays?: number | undefined;
  /** The bus's `idle_minutes`. Default: 0, which switches it off. */
  idleMinutes?: number | undefined;
  /** The `logoutUrl` in the answer to `AUTH.SIGN_OUT`. Default: none. */
  logoutUrl?: string | undefined;
  /** Whether the bus has `[bus.session]`. Default: true. */
  session?: boolean | undefined;
  /** Whether the bus has `[bus.password]`. Default: true. */
  password?: boolean | undefined;
  /**
   * The `authorization` part of `BUS.READY`, as with an OpenID Connect provider: `AUTH.SSO` then needs a
   * `codeVerifier` and may have a `nonce`. Default: none, as with a `json` backend.
   */
  authorization?: Authorization | undefined;
  /** How long the bus takes to start, in milliseconds. Default: 0. */
  bootMs?: number | undefined;
  /** Lets `ready` and all requests fail with this code, such as `BOOT_FAILED` or `NOT_ALLOWED`. */
  down?: ErrorCode | undefined;
  /** The origin that `BUS.REGISTER` must name. Default: the page's origin; any origin if there is no page. */
  hostOrigin?: string | undefined;
  /** The origin of the bus. Default: `https://bus.example.com`. */
  origin?: string | undefined;
  /** As for `embed()`: the default limit of a request, in milliseconds. */
  timeout?: number | undefined;
  /** As for `embed()`. If false, a second `BUS.INIT` does not push the tokens again. */
  replyPort?: boolean | undefined;
  /** As for `embed()`. No line contains a payload. */
  debug?: boolean | ((line: string) => void) | undefined;
}

/** A request as the app sent it. Its payload may contain passwords and codes. */
export interface Asked {
  type: string;
  payload: unknown;
  /** When, in milliseconds since the epoch. */
  at: number;
}

/** A request that the bus would have sent to the backend. */
export interface BackendCall {
  to: "exchange" | "sign-in" | "refresh" | "revoke";
  body: JsonObject;
}

/** Controls what the bus, the backend and other tabs do. Each returned promise resolves when all immediate consequences have happened. */
export interface Mock {
  /** The requests of this tab's app, the earliest first. */
  readonly asked: Asked[];
  /** The requests of all tabs to the backend, the earliest first. */
  readonly backend: BackendCall[];
  readonly clock: Clock;
  /** The current session, or null if nobody is signed in. */
  readonly session: { user: JsonObject; company: JsonObject; credentials: Credentials } | null;
  /** Resolves when all immediate consequences have happened. */
  settled(): Promise<void>;
  /** Lets the ID token expire. After `BUS.INIT`, it is refreshed at once; without a refresh token, the session ends. */
  expireTokens(): Promise<void>;
  /** Ends the session by its age. */
  expireSession(): Promise<void>;
  /** The backend refuses every refresh from now on. The next refresh ends the session. */
  refuseRefresh(): void;
  /** The backend becomes unreachable. */
  offline(): void;
  /** The backend becomes reachable again. */
  online(): Promise<void>;
  /** Lets something fail, always or `times` times. A sign-in that fails makes no session. */
  fail(what: Act, failure: ErrorCode | Failure, more?: { times?: number | undefined }): void;
  /** Delays something by `ms` milliseconds. */
  delay(what: Act, ms: number): void;
  /** Holds something back until you call the function that is returned. */
  hold(what: Act): () => Promise<void>;
  /** Undoes `refuseRefresh`, `offline`, `fail` and `delay`. */
  heal(): Promise<void>;
  /** Another tab signs out. */
  signOutElsewhere(): Promise<void>;
  /** Another tab signs in, as the mock's user or as somebody else. */
  signInElsewhere(who?: { user?: JsonObject; company?: JsonObject; credentials?: Credentials }): Promise<void>;
  /** Returns a second bus that shares the session: in another tab, or in this one after a reload of the page. */
  openTab(options?: MockOptions): MockBus;
  /** Reloads the bus's frame: pending requests are rejected with BUS_RELOADED, and the new bus knows of no `BUS.INIT`. */
  reload(): Promise<void>;
  /** Lets the bus fail from now on, for example with `RUNTIME_DIED`. `reload` starts a new one. */
  down(code: ErrorCode): Promise<void>;
}

/** What `embed()` returns, and the controls of the mock. `iframe` is never in the page, and undefined if there is no document. */
export interface MockBus extends Bus {
  readonly mock: Mock;
}

/** Makes a bus for a test. */
export declare function mockBus(options?: MockOptions): MockBus;
