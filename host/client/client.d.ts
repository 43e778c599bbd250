// Made by `make generate` from host/tools/types/client.in.d.ts and the models of the messages: change those.
// The types of host/client/client.js. A request that the bus would refuse does not compile. With
// `exactOptionalPropertyTypes`, neither does `codeVerifier: undefined`, which the bus refuses too.

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

// ---- messages ------------------------------------------------------------------------------

/** The payload of `AUTH.SSO`; each value is passed on as received. */
export interface SsoPayload {
  /** The code that the identity provider sent with its redirect. A credential, valid for one use. */
  code: string;
  /** The redirect URL that the code was issued for, character for character: absolute, https (http on a loopback host), ASCII, the host as the URL standard serialises it, no user info, no fragment. */
  redirectUrl: string;
  /** The verifier of PKCE (RFC 7636). An OpenID Connect provider requires it. */
  codeVerifier?: string;
  /** The nonce of OpenID Connect. Refused where the provider has no use for it. */
  nonce?: string;
}

/** `AUTH.SSO`: sign in with a code. */
export interface SsoRequest {
  type: "AUTH.SSO";
  /** Any string that the host chooses; the reply repeats it. Its length counts UTF-16 code units. */
  id?: string;
  payload: SsoPayload;
}

/** The payload came from the backend. */
export interface BackendMeta {
  source: "backend";
  /** The backend's HTTP status. */
  status: number;
}

/** Some users: a token that never expires, spelled as its backend spells it. */
export interface LegacyCredentials {
  legacy_token: string;
}

/** The vast majority: the ID token lives 15 minutes, the refresh token 90 days. */
export interface MigratedCredentials {
  idToken: string;
  /** Absent only where an OpenID Connect provider gave none, and the settings have `refresh_token = "optional"`. */
  refreshToken?: string;
  /** The OpenID Connect provider's access token, for APIs that ask for one; only if the settings have `access_token = true`. */
  accessToken?: string;
  /** When the access token expires, in milliseconds since the epoch by this browser's clock. Absent if the provider does not say. */
  accessTokenExpiresAt?: number;
}

/** A backend's answer to a valid code, which the host gets. */
export interface SignedIn {
  credentials: MigratedCredentials | LegacyCredentials;
  currentUser: JsonObject;
  company: JsonObject;
}

/** `AUTH.SSO_FULFILLED`: the user is signed in. */
export interface SsoFulfilled {
  type: "AUTH.SSO_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: SignedIn;
  meta: BackendMeta;
}

/** The body of the backend's error response. */
export interface BackendError {
  /** The backend's own JSON, unchanged. */
  error: JsonValue;
}

export type BusCode =
  | "INVALID_MESSAGE"
  | "INVALID_PAYLOAD"
  | "UNKNOWN_TYPE"
  | "NO_SESSION"
  | "ORIGIN_MISMATCH"
  | "BACKEND_UNREACHABLE"
  | "BACKEND_TIMEOUT"
  | "BACKEND_ERROR"
  | "BACKEND_INVALID"
  | "PROVIDER_MISCONFIGURED"
  | "ID_TOKEN_INVALID"
  | "CANCELLED"
  | "PAGE_HIDDEN"
  | "OVERLOADED"
  | "BOOT_FAILED"
  | "RUNTIME_DIED"
  | "INTERNAL";

/** Why the bus could not answer. */
export interface BusFault {
  error: Fault;
}

/** The payload is the bus's own. */
export interface BusMeta {
  source: "bus";
  /** The backend's HTTP status, if a response was received. */
  status?: number;
}

/** One field that is wrong: where it is, and what is wrong with it. Never its value. */
export interface Detail {
  loc: (string | number)[];
  message: string;
}

/** An error that the bus made. It repeats no value that was sent. */
export interface Fault {
  /** The error code. Codes are part of the protocol, the wording of messages is not. */
  code: BusCode;
  message: string;
  /** Each field that is wrong, with `INVALID_PAYLOAD`. */
  details?: Detail[];
}

/** `AUTH.SSO_REJECTED` with the backend's own error. */
export interface SsoRejectedByBackend {
  type: "AUTH.SSO_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BackendError;
  meta: BackendMeta;
}

/** `AUTH.SSO_REJECTED` with an error that the bus made. */
export interface SsoRejectedByBus {
  type: "AUTH.SSO_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

export type SsoRejected =
  | SsoRejectedByBackend
  | SsoRejectedByBus;

/** The payload of `AUTH.EMAIL_AND_PASSWORD`. Neither field is ever stored, logged or repeated. */
export interface EmailAndPasswordPayload {
  /** An e-mail address by the HTML standard's grammar. */
  email: string;
  /** A credential. */
  password: string;
}

/** `AUTH.EMAIL_AND_PASSWORD`: sign in with an e-mail address and a password. */
export interface EmailAndPasswordRequest {
  type: "AUTH.EMAIL_AND_PASSWORD";
  /** Any string that the host chooses; the reply repeats it. */
  id?: string;
  payload: EmailAndPasswordPayload;
}

/** `AUTH.EMAIL_AND_PASSWORD_FULFILLED`: the user is signed in. */
export interface EmailAndPasswordFulfilled {
  type: "AUTH.EMAIL_AND_PASSWORD_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: SignedIn;
  meta: BackendMeta;
}

/** `AUTH.EMAIL_AND_PASSWORD_REJECTED` with the backend's own error. */
export interface EmailAndPasswordRejectedByBackend {
  type: "AUTH.EMAIL_AND_PASSWORD_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BackendError;
  meta: BackendMeta;
}

/** `AUTH.EMAIL_AND_PASSWORD_REJECTED` with an error that the bus made. */
export interface EmailAndPasswordRejectedByBus {
  type: "AUTH.EMAIL_AND_PASSWORD_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

export type EmailAndPasswordRejected =
  | EmailAndPasswordRejectedByBackend
  | EmailAndPasswordRejectedByBus;

/** The payload of `AUTH.CREDENTIALS`. */
export interface GetCredentialsPayload {
  /** How many seconds the tokens must stay valid; if not sent, the margin in the settings. */
  minValiditySeconds?: number;
}

/** `AUTH.CREDENTIALS`: return credentials that are valid now, refreshed first if necessary. */
export interface GetCredentialsRequest {
  type: "AUTH.CREDENTIALS";
  /** Any string that the host chooses; the reply repeats it. */
  id?: string;
  payload: GetCredentialsPayload;
}

/** The answer to `AUTH.CREDENTIALS`. */
export interface Holding {
  credentials: MigratedCredentials | LegacyCredentials;
  currentUser: JsonObject;
  company: JsonObject;
  /** When the ID token expires, in milliseconds since the epoch by this browser's clock. Absent for legacy credentials. */
  expiresAt?: number;
}

/** `AUTH.CREDENTIALS_FULFILLED`: credentials that are valid now. */
export interface GetCredentialsFulfilled {
  type: "AUTH.CREDENTIALS_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: Holding;
  meta: BusMeta;
}

/** `AUTH.CREDENTIALS_REJECTED`: the old credentials have expired, and the backend refused new ones. */
export interface GetCredentialsRejectedByBackend {
  type: "AUTH.CREDENTIALS_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BackendError;
  meta: BackendMeta;
}

/** `AUTH.CREDENTIALS_REJECTED` with an error that the bus made. */
export interface GetCredentialsRejectedByBus {
  type: "AUTH.CREDENTIALS_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

export type GetCredentialsRejected =
  | GetCredentialsRejectedByBackend
  | GetCredentialsRejectedByBus;

/** The payload of `AUTH.SIGN_OUT`, which is empty. */
export type SignOutPayload = Record<string, never>;

/** `AUTH.SIGN_OUT`: end the session, here and in all tabs. */
export interface SignOutRequest {
  type: "AUTH.SIGN_OUT";
  /** Any string that the host chooses; the reply repeats it. */
  id?: string;
  payload: SignOutPayload;
}

/** The answer to `AUTH.SIGN_OUT`. */
export interface SignedOut {
  /** Where the host may send the browser to end the provider's own session. */
  logoutUrl?: string;
}

/** `AUTH.SIGN_OUT_FULFILLED`: the session is over. */
export interface SignOutFulfilled {
  type: "AUTH.SIGN_OUT_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: SignedOut;
  meta: BusMeta;
}

/** `AUTH.SIGN_OUT_REJECTED`: the session may not be over; send the request again. */
export interface SignOutRejected {
  type: "AUTH.SIGN_OUT_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

/** `AUTH.TOKEN_REFRESHED`, pushed after `BUS.INIT` of AUTH: there are new tokens. */
export interface TokenRefreshed {
  type: "AUTH.TOKEN_REFRESHED";
  payload: MigratedCredentials;
}

/** `AUTH.REFRESH_TOKEN_EXPIRED`, pushed: the session is over. It has no payload. */
export interface RefreshTokenExpired {
  type: "AUTH.REFRESH_TOKEN_EXPIRED";
}

/** Who is signed in now. */
export interface SessionChangedPayload {
  /** null: another tab has signed out. */
  user: JsonObject | null;
}

/** `AUTH.SESSION_CHANGED`, pushed: another tab has signed in or out. */
export interface SessionChanged {
  type: "AUTH.SESSION_CHANGED";
  payload: SessionChangedPayload;
}

/** The payload of `BUS.REGISTER`. */
export interface RegisterPayload {
  /** The host's own origin; the bus compares it with the sender's. */
  origin: string;
  /** The host app's name; for debug lines only. */
  appName: string;
  /** The host app's release; for debug lines only. */
  release: string;
}

/** `BUS.REGISTER`: name the host app, and return the user of the restored session. */
export interface RegisterRequest {
  type: "BUS.REGISTER";
  /** Any string that the host chooses; the reply repeats it. */
  id?: string;
  payload: RegisterPayload;
}

/** The answer to `BUS.REGISTER` if there is a session. */
export interface Restored {
  user: JsonObject;
}

/** `BUS.REGISTER_FULFILLED`: the user of the session. Without a payload, there is no session. */
export interface RegisterFulfilled {
  type: "BUS.REGISTER_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  payload?: Restored;
  meta: BusMeta;
}

/** `BUS.REGISTER_REJECTED`: the bus does not know this host. */
export interface RegisterRejected {
  type: "BUS.REGISTER_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

/** The payload of `BUS.INIT` and `BUS.DESTROY`: names of services; unknown ones are skipped. */
export interface ServicesPayload {
  /** The parts of message types before the dot, such as "AUTH". May be empty. */
  services: string[];
}

/** `BUS.INIT`: start services; AUTH starts refreshes and pushes. */
export interface InitRequest {
  type: "BUS.INIT";
  /** Any string that the host chooses; the reply repeats it. */
  id?: string;
  payload: ServicesPayload;
}

/** `BUS.INIT_FULFILLED`: sent even if a service fails. It has no payload. */
export interface InitFulfilled {
  type: "BUS.INIT_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  meta: BusMeta;
}

/** `BUS.INIT_REJECTED`: the message does not validate, or this build has no session. */
export interface InitRejected {
  type: "BUS.INIT_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

/** `BUS.DESTROY`: stop services. It does not sign out. */
export interface DestroyRequest {
  type: "BUS.DESTROY";
  /** Any string that the host chooses; the reply repeats it. */
  id?: string;
  payload: ServicesPayload;
}

/** `BUS.DESTROY_FULFILLED`: the services have stopped. It has no payload. */
export interface DestroyFulfilled {
  type: "BUS.DESTROY_FULFILLED";
  /** The id of the request, if it had one. */
  id?: string;
  meta: BusMeta;
}

/** `BUS.DESTROY_REJECTED`: the message does not validate, or this build has no session. */
export interface DestroyRejected {
  type: "BUS.DESTROY_REJECTED";
  /** The id of the request, if it had one. */
  id?: string;
  payload: BusFault;
  meta: BusMeta;
}

/** The payload of `BUS.CANCEL`: the id of the request to give up. */
export interface CancelPayload {
  id: string;
}

/** `BUS.CANCEL`: give up the request with that id. It gets no reply itself. */
export interface CancelRequest {
  type: "BUS.CANCEL";
  /** Has no effect here: there is no reply that could repeat it. */
  id?: string;
  payload: CancelPayload;
}

export type Report =
  | ReportAccepted
  | ReportDropped
  | ReportReplied
  | ReportBackend
  | ReportSession;

/** The gate let a request in. */
export interface ReportAccepted {
  type: string;
  id?: string;
  /** When, in milliseconds since the epoch. */
  at: number;
  event: "accepted";
  /** The bus's count of messages; all reports on this one have it. */
  number: number;
  /** The sender's origin. */
  origin: string;
  /** Whether the message carried a reply port. */
  port: boolean;
  /** The length of its JSON in UTF-8; absent if it is not JSON-shaped. */
  bytes?: number;
  /** Python's state: a message that comes while it is booting is kept. */
  state: "booting" | "serving" | "down";
}

/** A call to the backend. Reported when the call begins, and again, with its outcome, when it ends. */
export interface ReportBackend {
  /** When, in milliseconds since the epoch. */
  at: number;
  event: "backend";
  /** The number of the message that caused the call; absent if no message did. */
  number?: number;
  /** The bus's count of calls. */
  call: number;
  method: "GET" | "POST";
  /** The URL without its query. */
  url: string;
  /** How long it took, in milliseconds. */
  ms?: number;
  /** How the call ended; absent when it begins. */
  outcome?: "answered" | "failed" | "aborted";
  /** The HTTP status, if a response was received. */
  status?: number;
}

/** A message gets no reply. */
export interface ReportDropped {
  /** When, in milliseconds since the epoch. */
  at: number;
  event: "dropped";
  /** The bus's own sentence, which shows nothing of the message. */
  reason: string;
  /** The number of a message that was accepted before. */
  number?: number;
  /** The sender's origin, if the message was not accepted. */
  origin?: string;
  /** Instead of both: how many more messages had that reason than were reported one by one. */
  more?: number;
}

/** A reply goes out. */
export interface ReportReplied {
  /** The reply's type, such as "AUTH.SSO_FULFILLED". */
  type: string;
  id?: string;
  /** When, in milliseconds since the epoch. */
  at: number;
  event: "replied";
  number: number;
  /** The receiver's origin. */
  origin: string;
  /** Whether it goes over the request's port. */
  port: boolean;
  source: "backend" | "bus";
  /** The backend's HTTP status, if a response was received. */
  status?: number;
  /** The code of an error that the bus made. */
  code?: BusCode;
}

/** Where sessions are kept is settled; again if that changes. */
export interface ReportSession {
  /** When, in milliseconds since the epoch. */
  at: number;
  event: "session";
  /** In the browser's partition for this bus under the host's site. Or in memory: then a session ends with its page, and no other tab shares it. */
  kept: "partition" | "memory";
  /** Why in memory, as a sentence: the settings say so, or what the browser's storage does. */
  reason?: string;
}

/** `BUS.DEBUG`: what a debug build decides and does. Facts only: no code, no token, no payload. */
export interface Debug {
  type: "BUS.DEBUG";
  payload: Report;
}

/** Which protocol this bus speaks. */
export interface ListeningPayload {
  protocol: 1;
}

/** `BUS.LISTENING`: messages are kept from now on. */
export interface Listening {
  type: "BUS.LISTENING";
  payload: ListeningPayload;
}

/** How a sign-in begins at the provider of this bus: options for `startSignIn`. */
export interface Authorization {
  /** The provider's authorization endpoint. */
  authorizeUrl: string;
  clientId: string;
  /** What is requested, separated by spaces. */
  scope: string;
  /** What `iss` in an answer must be, if it is there (RFC 9207). */
  issuer: string;
  /** Whether each answer must have an `iss`. */
  issRequired: boolean;
  /** More parameters for the authorization endpoint; an array is a parameter that repeats. */
  params: Record<string, string | string[]>;
}

/** What this bus is, and what it serves. */
export interface ReadyPayload {
  /** The version of the bus. */
  version: string;
  protocol: 1;
  /** The parts before the dot of the types that it serves, such as "AUTH". */
  services: string[];
  /** The types of the requests that this build serves, such as "AUTH.SSO". */
  types: string[];
  /** How a sign-in begins, with an OpenID Connect provider, as far as the build could find out. */
  authorization?: Authorization;
}

/** `BUS.READY`: Python serves. */
export interface Ready {
  type: "BUS.READY";
  payload: ReadyPayload;
}

/** Each request that is answered, and with what. A host adds types of its own by declaration merging. */
export interface Requests {
  "AUTH.SSO": { payload: SsoPayload; result: SignedIn };
  "AUTH.EMAIL_AND_PASSWORD": { payload: EmailAndPasswordPayload; result: SignedIn };
  "AUTH.CREDENTIALS": { payload: GetCredentialsPayload; result: Holding };
  "AUTH.SIGN_OUT": { payload: SignOutPayload; result: SignedOut };
  "BUS.REGISTER": { payload: RegisterPayload; result: Restored | undefined };
  "BUS.INIT": { payload: ServicesPayload; result: undefined };
  "BUS.DESTROY": { payload: ServicesPayload; result: undefined };
}

/** What the bus says unasked; likewise. */
export interface Pushes {
  "BUS.LISTENING": ListeningPayload;
  "BUS.READY": ReadyPayload;
  "BUS.DEBUG": Report;
  "AUTH.TOKEN_REFRESHED": MigratedCredentials;
  "AUTH.REFRESH_TOKEN_EXPIRED": undefined;
  "AUTH.SESSION_CHANGED": SessionChangedPayload;
}

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
