// Made by `make generate` from host/tools/types/signin.in.d.ts and the models of the messages: change those.
// The types of host/client/signin.js: the way to the identity provider and back.

import type { Bus, SignedIn } from "./client.js";

/**
 * If `bus` is given and `authorizeUrl` or `clientId` is not, missing options are taken from `authorization` in
 * `BUS.READY`; `nonce` is then true by default, and `params` are added to those from the bus.
 */
export interface SignInOptions {
  /** The provider's authorization endpoint. */
  authorizeUrl?: string | URL | undefined;
  clientId?: string | undefined;
  /** The page of this origin that the provider sends the user back to, as registered there. */
  redirectUrl: string | URL;
  /** The scope to request: names separated by spaces. */
  scope?: string | undefined;
  /** The provider's issuer. If set, the answer must name it in `iss` (RFC 9207). */
  issuer?: string | undefined;
  /** Whether to send a nonce, for OpenID Connect. */
  nonce?: boolean | undefined;
  /**
   * More parameters for the authorization endpoint. Parameters that are undefined or null are left out; an
   * array is a parameter that repeats.
   */
  params?: Record<string, string | readonly string[] | undefined | null> | undefined;
}

/** By redirect: give either a bus that knows where a sign-in begins, or `authorizeUrl` and `clientId`. */
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
 * Signs in in a popup window. Call it in a click handler. Resolves when the bus has answered; rejects with a
 * BusError. Throws TypeError for invalid options.
 */
export declare function startSignIn(options: PopupOptions): Promise<SignedIn>;
/**
 * Leaves this page for the provider's; `finishSignIn` on the redirect page does the rest. Rejects with
 * ABORTED if the user comes back without an answer, and with MISCONFIGURED if neither the options nor the bus
 * name the authorization endpoint and the client id. Throws TypeError for invalid options.
 */
export declare function startSignIn(options: RedirectOptions): Promise<never>;

/**
 * On the page that the provider redirects to: checks the answer and lets the bus exchange the code. Resolves
 * to null if the address holds no answer to a sign-in that this tab began, or if another page waits for the
 * answer. Rejects with a BusError, or with a TypeError for invalid options.
 */
export declare function finishSignIn(options: FinishOptions): Promise<SignedIn | null>;
