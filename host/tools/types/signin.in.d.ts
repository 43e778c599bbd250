// What host/client/signin.js gives: the way to the identity provider and back.

import type { Bus, SignedIn } from "./client.js";

/**
 * With `bus` and without `authorizeUrl` or `clientId`, what is not given is what `BUS.READY` says in
 * `authorization`, `nonce` is true, and `params` are added to those there.
 */
export interface SignInOptions {
  /** The provider's authorization endpoint. */
  authorizeUrl?: string | URL | undefined;
  clientId?: string | undefined;
  /** The page of this origin that the provider sends the user back to, as registered there. */
  redirectUrl: string | URL;
  /** What is asked for, divided by spaces. */
  scope?: string | undefined;
  /** The provider's issuer; the answer must then name it (RFC 9207). */
  issuer?: string | undefined;
  /** Whether a nonce is sent along, for OpenID Connect. */
  nonce?: boolean | undefined;
  /**
   * More parameters for the authorization endpoint; undefined and null ones are left out, an array is a
   * parameter that repeats.
   */
  params?: Record<string, string | readonly string[] | undefined | null> | undefined;
}

/** By redirect: a bus that says where a sign-in begins, or who says it. */
export type RedirectOptions = SignInOptions & { popup?: false } & (
    | { bus: Bus }
    | { bus?: Bus | undefined; authorizeUrl: string | URL; clientId: string }
  );

export interface PopupOptions extends SignInOptions {
  popup: true;
  bus: Bus;
  /** The limit, in milliseconds. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
  /** The features of the window, as `window.open` takes them. */
  features?: string | undefined;
}

export interface FinishOptions {
  bus: Bus;
  /** The limit, in milliseconds. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Signs in in a popup window, to be called on a click: resolves when the bus has answered, rejects with
 * a BusError. Throws TypeError for options that cannot work.
 */
export declare function startSignIn(options: PopupOptions): Promise<SignedIn>;
/**
 * Leaves this page for the provider's; `finishSignIn` on the redirect page does the rest. Rejects with
 * ABORTED if the user comes back without an answer, and MISCONFIGURED if the bus does not say what the
 * options leave out. Throws TypeError for options that cannot work.
 */
export declare function startSignIn(options: RedirectOptions): Promise<never>;

/**
 * On the page that the provider redirects to: checks its answer and has the bus exchange the code.
 * Null where the address holds no answer to a sign-in that this tab began, or where another page waits
 * for it. Rejects with a BusError, or with a TypeError for options that cannot work.
 */
export declare function finishSignIn(options: FinishOptions): Promise<SignedIn | null>;
