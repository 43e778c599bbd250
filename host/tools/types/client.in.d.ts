// What host/client/client.js gives. A mistake in a request is an error here, before it is one at run time.
// With `exactOptionalPropertyTypes` so is `codeVerifier: undefined`, which the bus refuses.

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

// ---- messages ------------------------------------------------------------------------------

// (the types of all messages come here)

/** What a sign-in gives: an ID token and a refresh token, or the token of a legacy user. */
export type Credentials = SignedIn["credentials"];

// ---- errors --------------------------------------------------------------------------------

/** What this module and the sign-in module gave up for. */
export type ClientCode =
  | "TIMEOUT"
  | "ABORTED"
  | "DESTROYED"
  | "BUS_RELOADED"
  | "POPUP_BLOCKED"
  | "POPUP_CLOSED"
  | "NO_ANSWER"
  | "STATE_MISMATCH"
  | "ISSUER_MISMATCH";

/** Why there is no bus here that this page may use. */
export type DiagnosisCode = "BUS_UNREACHABLE" | "NOT_ALLOWED" | "MISCONFIGURED";

/** Every code that a BusError has. */
export type ErrorCode = BusError["code"];

/** What the identity provider sent back in place of a code (RFC 6749, 4.1.2.1). */
export interface ProviderError {
  error: string;
  error_description?: string;
  error_uri?: string;
}

interface Failure extends Error {
  /** The address of the section about this code, on a page that the bus serves: `errors.html`. */
  readonly help: string;
  /** Whether the bus may have got the request: a code may be used up then. */
  readonly sent: boolean;
}

/** The backend said no: `error` is its own JSON, unchanged. */
export interface BackendRejection extends Failure {
  readonly code: "REJECTED";
  readonly error: JsonValue;
  readonly meta: BackendMeta;
  readonly evidence?: undefined;
}

/** The bus said no, or that it could not ask. */
export interface BusRejection extends Failure {
  readonly code: Exclude<BusCode, "PAGE_HIDDEN">;
  readonly error: Fault;
  readonly meta: BusMeta;
  readonly evidence?: undefined;
}

/** The page was put away meanwhile. Where the bus could not say so itself, there is no `error`. */
export interface PageHidden extends Failure {
  readonly code: "PAGE_HIDDEN";
  readonly error?: Fault;
  readonly meta?: BusMeta;
  readonly evidence?: undefined;
}

/** The identity provider said no. */
export interface ProviderRejection extends Failure {
  readonly code: "PROVIDER_ERROR";
  readonly error: ProviderError;
  readonly meta?: undefined;
  readonly evidence?: undefined;
}

/** There is no bus here that this page may use; `evidence` says what speaks for that. */
export interface Diagnosis extends Failure {
  readonly code: DiagnosisCode;
  readonly error?: undefined;
  readonly meta?: undefined;
  readonly evidence: string[];
}

/** The answer was not waited for, or not taken. */
export interface ClientFailure extends Failure {
  readonly code: ClientCode;
  readonly error?: undefined;
  readonly meta?: undefined;
  readonly evidence?: undefined;
}

/** Why a request failed. Compare `code`, and the type of the rest follows. */
export type BusError =
  | BackendRejection
  | BusRejection
  | PageHidden
  | ProviderRejection
  | Diagnosis
  | ClientFailure;
export declare const BusError: {
  new (
    code: ErrorCode,
    message: string,
    more?: { error?: unknown; meta?: BackendMeta | BusMeta; evidence?: string[]; cause?: unknown; sent?: boolean },
  ): BusError;
  readonly prototype: BusError;
};

// ---- the bus -------------------------------------------------------------------------------

/** The default limit of a request, in milliseconds. */
export declare const DEFAULT_TIMEOUT: 60000;

export interface EmbedOptions {
  /** The address of the bus page. */
  src: string | URL;
  /** The default limit of a request, in milliseconds; Infinity: none. */
  timeout?: number | undefined;
  /** The element that gets the iframe; else the body. `document.documentElement`: it outlives the body. */
  container?: Element | undefined;
  /** The iframe's title, for those who cannot see that it is hidden. */
  title?: string | undefined;
  /** Whether replies come over a port of their own, which nobody else in the page hears. It is on. */
  replyPort?: boolean | undefined;
  /** Whether the console, or a function, gets a line for each step. No line holds a payload. */
  debug?: boolean | ((line: string) => void) | undefined;
}

export interface RequestOptions {
  /** The limit, in milliseconds; Infinity: none. */
  timeout?: number | undefined;
  /** Gives the request up when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** The requests that may be made without a payload. */
type Bare = {
  [T in keyof Requests]: Record<string, never> extends Requests[T]["payload"] ? T : never;
}[keyof Requests];

/** The bus in its iframe. */
export interface Bus {
  readonly iframe: HTMLIFrameElement;
  /** The origin of the bus. */
  readonly origin: string;
  /** The default limit of a request, in milliseconds. */
  readonly timeout: number;
  /** Resolves when Python serves, or rejects with a BusError. Requests may be made before. */
  readonly ready: Promise<ReadyPayload>;
  /** Asks the bus; rejects with a BusError. In place of `BUS.CANCEL`, which has no reply, abort the signal. */
  request<T extends keyof Requests>(
    type: T,
    payload: Requests[T]["payload"],
    options?: RequestOptions,
  ): Promise<Requests[T]["result"]>;
  /** Asks for what needs no payload. */
  request<T extends Bare>(
    type: T,
    payload?: Requests[T]["payload"],
    options?: RequestOptions,
  ): Promise<Requests[T]["result"]>;
  /** Calls back for each message of a type that the bus sends unasked; returns what ends that. */
  on<T extends keyof Pushes>(type: T, callback: (payload: Pushes[T]) => void): () => void;
  /** Removes the iframe and all listeners; what is pending is rejected with DESTROYED. */
  destroy(): void;
}

/**
 * Embeds a bus in this page. Throws TypeError for an invalid address or time limit, and where there
 * is no page, as on a server that renders one. (Importing this module is harmless there.)
 */
export declare function embed(options: EmbedOptions): Bus;
