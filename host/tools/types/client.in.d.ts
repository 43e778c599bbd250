// The types of host/client/client.js. A request that the bus would refuse does not compile. With
// `exactOptionalPropertyTypes`, neither does `codeVerifier: undefined`, which the bus refuses too.

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

// ---- messages ------------------------------------------------------------------------------

// (the types of all messages come here)

/** What a sign-in gives: an ID token and a refresh token, or the token of a legacy user. */
export type Credentials = SignedIn["credentials"];

// ---- errors --------------------------------------------------------------------------------

/** The codes of errors that this module and the sign-in helpers make themselves. */
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

/** The codes of a diagnosis: why this page cannot use the bus. */
export type DiagnosisCode = "BUS_UNREACHABLE" | "NOT_ALLOWED" | "MISCONFIGURED";

/** Every code that a BusError can have. */
export type ErrorCode = BusError["code"];

/** The error that the identity provider sent instead of a code (RFC 6749, 4.1.2.1). */
export interface ProviderError {
  error: string;
  error_description?: string;
  error_uri?: string;
}

interface Failure extends Error {
  /** The address of the section about this code, on a page that the bus serves: `errors.html`. Empty if no bus was embedded. */
  readonly help: string;
  /** Whether the bus may have got the request. If it has, a code may be used up. */
  readonly sent: boolean;
}

/** The backend refused the request: `error` is its own JSON, unchanged. */
export interface BackendRejection extends Failure {
  readonly code: "REJECTED";
  readonly error: JsonValue;
  readonly meta: BackendMeta;
  readonly evidence?: undefined;
}

/** The bus refused the request, or could not carry it out. */
export interface BusRejection extends Failure {
  readonly code: Exclude<BusCode, "PAGE_HIDDEN">;
  readonly error: Fault;
  readonly meta: BusMeta;
  readonly evidence?: undefined;
}

/** The page was put into the back-forward cache during the request. `error` is absent if the bus could not report it itself. */
export interface PageHidden extends Failure {
  readonly code: "PAGE_HIDDEN";
  readonly error?: Fault;
  readonly meta?: BusMeta;
  readonly evidence?: undefined;
}

/** The identity provider refused the sign-in. */
export interface ProviderRejection extends Failure {
  readonly code: "PROVIDER_ERROR";
  readonly error: ProviderError;
  readonly meta?: undefined;
  readonly evidence?: undefined;
}

/** This page cannot use the bus; `evidence` lists what this conclusion is based on. */
export interface Diagnosis extends Failure {
  readonly code: DiagnosisCode;
  readonly error?: undefined;
  readonly meta?: undefined;
  readonly evidence: string[];
}

/** This module or the sign-in helpers ended the request or the sign-in themselves. */
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
  /** The default limit of a request, in milliseconds. Infinity: no limit. Default: 60,000. */
  timeout?: number | undefined;
  /** The element that gets the iframe. Default: the body. With `document.documentElement`, the iframe survives a replaced body. */
  container?: Element | undefined;
  /** The iframe's title, for assistive technology. Default: "Single sign-on". */
  title?: string | undefined;
  /** Whether replies come over a port, so that no other script in the page hears them. Default: true. */
  replyPort?: boolean | undefined;
  /** Writes a line for each message to the console, or passes it to a function. No line contains a payload. */
  debug?: boolean | ((line: string) => void) | undefined;
}

export interface RequestOptions {
  /** The limit, in milliseconds. Infinity: no limit. Default: the limit of `embed`. */
  timeout?: number | undefined;
  /** Cancels the request when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** The types of requests that need no payload. */
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
  /** Resolves when the bus serves, or rejects with a BusError. You can send requests before that. */
  readonly ready: Promise<ReadyPayload>;
  /** Sends a request, and resolves to the payload of its reply. Rejects with a BusError. To cancel a request, abort its signal; do not send `BUS.CANCEL`. */
  request<T extends keyof Requests>(
    type: T,
    payload: Requests[T]["payload"],
    options?: RequestOptions,
  ): Promise<Requests[T]["result"]>;
  /** Sends a request that needs no payload. */
  request<T extends Bare>(
    type: T,
    payload?: Requests[T]["payload"],
    options?: RequestOptions,
  ): Promise<Requests[T]["result"]>;
  /** Calls back for each message of a type that the bus pushes. Returns a function that unsubscribes. */
  on<T extends keyof Pushes>(type: T, callback: (payload: Pushes[T]) => void): () => void;
  /** Removes the iframe and all listeners, and rejects pending requests with DESTROYED. */
  destroy(): void;
}

/**
 * Embeds a bus in this page. Throws TypeError for an invalid address or time limit, and where there is no
 * page, such as on a server. (Importing this module on a server is harmless.)
 */
export declare function embed(options: EmbedOptions): Bus;
