// Made by `make generate` from host/tools/types/session.in.d.ts and the models of the messages: change those.
// What host/client/session.js gives: who is signed in, and requests with the user's token.

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
  /** What the host app is called; for debug lines of the bus only. 1 to 128 characters. */
  appName: string;
  /** Which release of it this is; likewise. */
  release: string;
  /** The exact origins that `fetch` may send the user's token to, such as "https://api.example.com". None named: none. */
  origins?: readonly string[] | undefined;
  /** The module signin.js (`import * as signin`), for sign-ins at a provider. An answer that this page's address holds is then taken at once. */
  signin?: { startSignIn: typeof startSignIn; finishSignIn: typeof finishSignIn } | undefined;
}

/** What is known of the session at one time. The same object until something changes. */
export interface SessionState {
  /**
   * `restoring`: the bus has not answered yet. `unsupported`: this bus keeps no session; `error` names the
   * setting. Sign-ins then hold for this page alone, and nothing is refreshed.
   */
  readonly state: "restoring" | "signed-in" | "signed-out" | "unsupported";
  /** The backend's own `currentUser`, or null where nobody is signed in. */
  readonly user: JsonObject | null;
  /** The backend's own `company`. Null as well where a session was restored while the backend could not be reached. */
  readonly company: JsonObject | null;
  /** What last went wrong when the session was restored, or when a sign-in by redirect came back. */
  readonly error: BusError | null;
}

/**
 * Why something changed. `restored`: the bus has answered, or failed to. `refreshed`: there is a new token.
 * `expired`: the session is over, by a refusal, its age, or idleness. `signed-in`, `signed-out`: here.
 * `other-tab`: another tab has signed in where nobody was, or out. `other-user`: it signed in as somebody else.
 */
export type SessionReason =
  | "restored"
  | "signed-in"
  | "refreshed"
  | "expired"
  | "signed-out"
  | "other-tab"
  | "other-user";

/** With `refreshed`, both are the same object. */
export interface SessionChange {
  readonly before: SessionState;
  readonly after: SessionState;
  readonly reason: SessionReason;
}

/** The session, for as long as the page lives. */
export interface Session extends SessionState {
  /** All of it at once, for `useSyncExternalStore` and the like. */
  snapshot(): SessionState;
  /** Resolves once the state is no longer `restoring`. Never rejects: see `error`. */
  readonly ready: Promise<SessionState>;
  /** Calls back after each change; returns what ends that. Nothing is told where nothing changed. */
  on(type: "change", callback: (change: SessionChange) => void): () => void;
  /**
   * Credentials that are good now. `minValidity`: for so many milliseconds at least, up to 600,000; else for the
   * bus's `refresh_margin_seconds`. Any number of callers make one request. Rejects with a BusError: NO_SESSION
   * where nobody is signed in.
   */
  credentials(options?: { minValidity?: number | undefined }): Promise<Credentials>;
  /**
   * The platform's `fetch`, with the token as `Authorization: Bearer` where the origin was named when the session
   * was opened; else without. The token is the access token where the bus gives one, else the ID token. With the token, a redirect is an error, unless `redirect` is "manual". On a 401 it
   * asks for a fresh token and tries once more, and no other time. Rejects as `credentials` and `fetch` do.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Signs in in a popup window, to be called on a click: see `startSignIn`. */
  signIn(options: Omit<PopupOptions, "bus">): Promise<SignedIn>;
  /** Leaves this page for the provider's: see `startSignIn`. The session opened on the redirect page takes the answer. */
  signIn(options: SignInOptions & { popup?: false }): Promise<never>;
  /** Signs in with a code, or with an e-mail address and a password. */
  signIn(payload: SsoPayload | EmailAndPasswordPayload): Promise<SignedIn>;
  /**
   * Ends the session, here and in all tabs. Resolves to where the provider's own session can be ended, if the
   * provider says so; with `everywhere`, this page goes there. Where it rejects, ask again.
   */
  signOut(options?: { everywhere?: boolean | undefined }): Promise<string | undefined>;
  /** Stops listening. The session itself goes on, as does the bus. */
  close(): void;
}

/**
 * Opens the session. Throws TypeError for an origin that is none, or that is neither https: nor on this machine.
 * (Importing this module is harmless on a server.)
 */
export declare function openSession(options: SessionOptions): Session;
