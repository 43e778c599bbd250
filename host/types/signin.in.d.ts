// What host/signin.js gives: the way to the identity provider and back.

import type { Bus, SignedIn } from "./client.js";

export interface SignInOptions {
  /** The provider's authorization endpoint. */
  authorizeUrl: string | URL;
  clientId: string;
  /** The page of this app that the provider sends the user back to. */
  redirectUrl: string | URL;
  /** What is asked for, divided by spaces. */
  scope?: string;
  /** The provider's issuer; the answer must then name it (RFC 9207). */
  issuer?: string;
  /** Whether a nonce is sent along, for OpenID Connect. */
  nonce?: boolean;
  /** More parameters for the authorization endpoint. */
  params?: Record<string, string>;
}

export interface PopupOptions extends SignInOptions {
  popup: true;
  bus: Bus;
  /** The limit, in milliseconds. */
  timeout?: number;
  signal?: AbortSignal;
  /** The features of the window, as `window.open` takes them. */
  features?: string;
}

export interface FinishOptions {
  bus: Bus;
  /** The limit, in milliseconds. */
  timeout?: number;
  signal?: AbortSignal;
}

/** Signs in in a popup window: resolves when the bus has answered, rejects with a BusError. */
export declare function startSignIn(options: PopupOptions): Promise<SignedIn>;
/** Leaves this page for the provider's; `finishSignIn` on the redirect page does the rest. */
export declare function startSignIn(options: SignInOptions & { popup?: false }): Promise<never>;

/**
 * On the page that the provider redirects to: checks its answer and has the bus exchange the code.
 * Null where the address holds no answer of a sign-in. Rejects with a BusError.
 */
export declare function finishSignIn(options: FinishOptions): Promise<SignedIn | null>;
