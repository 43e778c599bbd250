// Made by `make generate` from host/tools/types/mock.in.d.ts and the models of the messages: change those.
// What host/client/mock.js gives: a bus for the tests of host apps, without an iframe, Python or a network.

import type { Authorization, Bus, Credentials, ErrorCode, JsonObject, JsonValue } from "./client.js";

/** Where the mock gets its time from; `setTimeout` gives what `clearTimeout` takes. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** A clock that only the test moves. */
export interface MockClock extends Clock {
  /** Moves on by so many milliseconds, and runs each timer at its time. */
  advance(ms: number): Promise<void>;
  /** A machine that slept so long: what is due runs afterwards. */
  sleep(ms: number): Promise<void>;
}

/** Makes a clock. `start`: milliseconds since the epoch; else now. */
export declare function mockClock(start?: number): MockClock;

/** A value, or what makes one of the payload and the type of a sign-in. */
export type Given<T> = T | ((payload: { code?: string; email?: string }, type: string) => T);

/** What a request, or the backend, fails with: one of the bus's codes, or of the client's. */
export interface Failure {
  code: ErrorCode;
  message?: string | undefined;
  /** With `REJECTED`: the backend's own JSON. */
  error?: JsonValue | undefined;
  /** The backend's HTTP status. A refresh that is `REJECTED` with 400, 401 or 403 ends the session. */
  status?: number | undefined;
  /** What the backend asks for with `Retry-After`. */
  retryAfterSeconds?: number | undefined;
}

/** What can be slow or fail: a type of request, or the backend's refresh or revocation. */
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
  /** Who signs in. */
  user?: Given<JsonObject> | undefined;
  /** And for which company. */
  company?: Given<JsonObject> | undefined;
  /** What the backend gives on a sign-in; undefined: new tokens. */
  credentials?: Given<Credentials | undefined> | undefined;
  /** More claims for the ID tokens, which are JWTs without a signature. */
  claims?: JsonObject | undefined;
  /** Whether there is a session from the start, as after a reload. */
  signedIn?: boolean | undefined;
  /** Else the clock of the page, which fake timers may have replaced. */
  clock?: Clock | undefined;
  /** How long an ID token is good: 900. */
  lifeSeconds?: number | undefined;
  /** Whether tokens come with a refresh token: true. false: as with `refresh_token = "optional"` at a provider that gives none. */
  refreshTokens?: boolean | undefined;
  /** Whether tokens come with an access token, as with `access_token = true`: false. */
  accessTokens?: boolean | undefined;
  /** How long an access token is good: as long as an ID token. 0: the provider does not say. */
  accessTokenLifeSeconds?: number | undefined;
  /** `refresh_margin_seconds` of the bus: 90. */
  refreshMarginSeconds?: number | undefined;
  /** `request_timeout_seconds` of the bus: 15. */
  requestTimeoutSeconds?: number | undefined;
  /** `max_age_days` of the bus: 90. */
  maxAgeDays?: number | undefined;
  /** `idle_minutes` of the bus: 0, which switches that off. */
  idleMinutes?: number | undefined;
  /** What AUTH.SIGN_OUT is answered with, if anything. */
  logoutUrl?: string | undefined;
  /** Whether the bus has `[bus.session]`: true. */
  session?: boolean | undefined;
  /** Whether the bus has `[bus.password]`: true. */
  password?: boolean | undefined;
  /**
   * What `BUS.READY` says of how a sign-in begins, as with an OpenID Connect provider: nothing, as with a
   * `json` backend. Given, `AUTH.SSO` needs a `codeVerifier` and may have a `nonce`.
   */
  authorization?: Authorization | undefined;
  /** How long the bus takes to start, in milliseconds: 0. */
  bootMs?: number | undefined;
  /** Lets `ready` and all requests fail with this code, as `BOOT_FAILED` or `NOT_ALLOWED`. */
  down?: ErrorCode | undefined;
  /** The origin that `BUS.REGISTER` must name; else the page's, or any where there is no page. */
  hostOrigin?: string | undefined;
  /** The origin of the bus: `https://bus.example.com`. */
  origin?: string | undefined;
  /** As of `embed()`: the default limit of a request, in milliseconds. */
  timeout?: number | undefined;
  /** As of `embed()`. Without it, a second `BUS.INIT` pushes no tokens again. */
  replyPort?: boolean | undefined;
  /** As of `embed()`: no line holds a payload. */
  debug?: boolean | ((line: string) => void) | undefined;
}

/** A request as the app made it. Its payload may hold passwords and codes. */
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

/** The rest of the world. What returns a promise resolves when all that follows at once has happened. */
export interface Mock {
  /** What this tab's app has asked for, the earliest first. */
  readonly asked: Asked[];
  /** What the backend was asked for by all tabs. */
  readonly backend: BackendCall[];
  readonly clock: Clock;
  /** The session that there is. */
  readonly session: { user: JsonObject; company: JsonObject; credentials: Credentials } | null;
  /** Resolves when all that follows at once has happened. */
  settled(): Promise<void>;
  /** The ID token is expired from now on. After BUS.INIT, it is refreshed at once; without a refresh token, the session is over. */
  expireTokens(): Promise<void>;
  /** The session is over, by its age. */
  expireSession(): Promise<void>;
  /** The backend refuses each refresh from now on; that ends the session with the next one. */
  refuseRefresh(): void;
  /** The backend cannot be reached. */
  offline(): void;
  online(): Promise<void>;
  /** Lets something fail from now on, or `times` times. A sign-in that fails makes no session. */
  fail(what: Act, failure: ErrorCode | Failure, more?: { times?: number | undefined }): void;
  /** Lets something take so long, in milliseconds. */
  delay(what: Act, ms: number): void;
  /** Holds something back until the function that is returned is called. */
  hold(what: Act): () => Promise<void>;
  /** Undoes `refuseRefresh`, `offline`, `fail` and `delay`. */
  heal(): Promise<void>;
  /** Another tab signs out. */
  signOutElsewhere(): Promise<void>;
  /** Another tab signs in: as the mock's user, or as somebody else. */
  signInElsewhere(who?: { user?: JsonObject; company?: JsonObject; credentials?: Credentials }): Promise<void>;
  /** A bus in another tab of the same browser, or in this one after a reload of the page. */
  openTab(options?: MockOptions): MockBus;
  /** The bus's frame is loaded anew: what is pending is rejected with BUS_RELOADED, INIT is forgotten. */
  reload(): Promise<void>;
  /** The bus fails from now on, as with `RUNTIME_DIED`; `reload` starts a new one. */
  down(code: ErrorCode): Promise<void>;
}

/** What `embed()` gives. `iframe` is never in the page, and undefined where there is no document. */
export interface MockBus extends Bus {
  readonly mock: Mock;
}

/** Makes a bus for a test. */
export declare function mockBus(options?: MockOptions): MockBus;
