// Made by `make generate` from host/tools/types/session.in.d.ts and the models of the messages: change those.
// The types of host/client/session.js: who is signed in, and requests with the user's token.

import type {
  Bus,
  BusError,
  Credentials,
  EmailAndPasswordPayload,
  JsonObject,
  SignedIn,
  SsoPayload,
} from "./client.js";
import type { finishSignIn, PopupOptions, SignInOptions, startSignIn } from "./signin.js";

export interface SessionOptions {
  bus: Bus;
  /** The host app's name, used only in debug lines of the bus. 1 to 128 characters. */
  appName: string;
  /** The host app's release, used only in debug lines of the bus. 1 to 128 characters. */
  release: string;
  /** The exact origins that `fetch` may send the user's token to, such as "https://api.example.com". Default: none. */
  origins?: readonly string[] | undefined;
  /** The module signin.js (`import * as signin`), for sign-ins at a provider. If this page's address holds the answer to a sign-in, it is taken at once. */
  signin?: { startSignIn: typeof startSignIn; finishSignIn: typeof finishSignIn } | undefined;
}

/** The state of the session at one time. It is the same object until something changes. */
export interface SessionState {
  /**
   * `restoring`: the bus has not answered yet. `unsupported`: this bus keeps no session; `error` names the
   * setting that is missing. Sign-ins then last as long as this page, and nothing is refreshed.
   */
  readonly state: "restoring" | "signed-in" | "signed-out" | "unsupported";
  /** The backend's own `currentUser`, or null if nobody is signed in. */
  readonly user: JsonObject | null;
  /** The backend's own `company`, or null if nobody is signed in. Also null if a session was restored while the backend was unreachable. */
  readonly company: JsonObject | null;
  /** The last failure to restore the session or to finish a sign-in by redirect, or null. */
  readonly error: BusError | null;
}

/**
 * Why something changed. `restored`: the bus has answered for the first time, or has failed to. `refreshed`:
 * there is a new token. `expired`: the session has ended by a refusal, by age, by idleness or with its tokens.
 * `signed-in`, `signed-out`: this page did it. `other-tab`: another tab signed in when nobody was signed in, or
 * signed out. `other-user`: another tab signed in as another user.
 */
export type SessionReason =
  | "restored"
  | "signed-in"
  | "refreshed"
  | "expired"
  | "signed-out"
  | "other-tab"
  | "other-user";

/** What changed. With `refreshed`, `before` and `after` are the same object. */
export interface SessionChange {
  readonly before: SessionState;
  readonly after: SessionState;
  readonly reason: SessionReason;
}

/** The session, for as long as the page lives. */
export interface Session extends SessionState {
  /** Returns the whole state as one object, for example for React's `useSyncExternalStore`. */
  snapshot(): SessionState;
  /** Resolves once the state is no longer `restoring`. Never rejects: see `error`. */
  readonly ready: Promise<SessionState>;
  /** Calls back after each change. Returns a function that unsubscribes. */
  on(type: "change", callback: (change: SessionChange) => void): () => void;
  /**
   * Resolves to credentials that are valid now. `minValidity`: how many milliseconds they must stay valid, up to
   * 600,000; the default is the bus's `refresh_margin_seconds`. Any number of callers share one request. Rejects
   * with a BusError: NO_SESSION if nobody is signed in.
   */
  credentials(options?: { minValidity?: number | undefined }): Promise<Credentials>;
  /**
   * The platform's `fetch`. Requests to the origins in `origins` carry the token as `Authorization: Bearer`;
   * other requests go out without it. The token is the access token if the bus gives one, otherwise the ID token.
   * With the token, a redirect is an error, unless `redirect` is "manual". On a 401, it gets a fresh token and
   * tries once more. Rejects as `credentials` and the platform's `fetch` do.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Signs in in a popup window. Call it in a click handler; see `startSignIn`. */
  signIn(options: Omit<PopupOptions, "bus">): Promise<SignedIn>;
  /** Leaves this page for the provider's; see `startSignIn`. The session that the redirect page opens takes the answer. */
  signIn(options: SignInOptions & { popup?: false }): Promise<never>;
  /** Signs in with a code, or with an e-mail address and a password. */
  signIn(payload: SsoPayload | EmailAndPasswordPayload): Promise<SignedIn>;
  /**
   * Ends the session, here and in all tabs. Resolves to the address that ends the provider's own session, if the
   * provider has one; with `everywhere`, this page goes there. If it rejects, the user may still be signed in:
   * call it again.
   */
  signOut(options?: { everywhere?: boolean | undefined }): Promise<string | undefined>;
  /** Stops listening. The session and the bus continue. */
  close(): void;
}

/**
 * Opens the session. Throws TypeError for a value in `origins` that is not an origin, or is neither https: nor on
 * this machine. (Importing this module on a server is harmless.)
 */
export declare function openSession(options: SessionOptions): Session;
