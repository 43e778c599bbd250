// What must compile besides the example: the rest of the API, and that every code can be told apart.
import { DEFAULT_TIMEOUT, embed, type BusError, type Credentials, type ErrorCode, type JsonValue, type SsoRejected } from "sso-bus-client";
import { startSignIn } from "sso-bus-client/signin";

const aborting = new AbortController();
const bus = embed({
  src: new URL("https://bus.example.com/"),
  timeout: 2 * DEFAULT_TIMEOUT,
  container: document.body,
  title: "Sign-in",
  replyPort: false,
  debug: (line) => console.debug(line),
});
const { version, protocol, services, types } = await bus.ready;
const one: 1 = protocol;
console.log(bus.iframe.src, bus.origin, version.length, one, services.join(), types.includes("AUTH.SSO"));
const stop: () => void = bus.on("BUS.READY", ({ services }) => console.log(services[0]));
stop();
bus.on("CRM.CHANGED", (payload) => console.log(payload));

const payload = { code: "c", redirectUrl: "https://app.example.com/", codeVerifier: "v".repeat(43), nonce: "n" };
const { credentials, currentUser } = await bus.request("AUTH.SSO", payload, { timeout: 1000, signal: aborting.signal });
const user: JsonValue = currentUser;
const found: unknown = await bus.request("CRM.FIND", { name: ["a", 1, null] });
console.log(user, found);

function token(credentials: Credentials): string {
  return "idToken" in credentials ? credentials.idToken : credentials.legacy_token;
}
token(credentials);

const signedIn = await startSignIn({
  authorizeUrl: "https://login.example.com/authorize",
  clientId: "c",
  redirectUrl: new URL("/callback", location.href),
  scope: "openid",
  nonce: true,
  issuer: "https://login.example.com",
  params: { prompt: "login", login_hint: undefined, hd: null },
  popup: true,
  bus,
  signal: aborting.signal,
  features: "popup",
});
token(signedIn.credentials);

// With every code named, nothing is left over.
export function status(failure: BusError): number | undefined {
  switch (failure.code) {
    case "REJECTED":
      return failure.meta.status;
    case "PAGE_HIDDEN":
      return failure.meta?.status;
    case "PROVIDER_ERROR":
      return failure.error.error.length;
    case "BUS_UNREACHABLE":
    case "NOT_ALLOWED":
    case "MISCONFIGURED":
      return failure.evidence.length;
    case "TIMEOUT":
    case "ABORTED":
    case "DESTROYED":
    case "BUS_RELOADED":
    case "POPUP_BLOCKED":
    case "POPUP_CLOSED":
    case "NO_ANSWER":
    case "STATE_MISMATCH":
    case "ISSUER_MISMATCH":
      return failure.meta;
    case "INVALID_PAYLOAD":
      return failure.error.details?.length;
    case "INVALID_MESSAGE":
    case "UNKNOWN_TYPE":
    case "NO_SESSION":
    case "ORIGIN_MISMATCH":
    case "BACKEND_UNREACHABLE":
    case "BACKEND_TIMEOUT":
    case "BACKEND_ERROR":
    case "BACKEND_INVALID":
    case "PROVIDER_MISCONFIGURED":
    case "ID_TOKEN_INVALID":
    case "CANCELLED":
    case "OVERLOADED":
    case "BOOT_FAILED":
    case "RUNTIME_DIED":
    case "INTERNAL":
      return failure.meta.status;
    default:
      return failure satisfies never;
  }
}

// A host that speaks the protocol itself.
export function told(reply: SsoRejected): string {
  return reply.meta.source === "bus" ? "the bus" : `the backend, with status ${reply.meta.status}`;
}

export const codes: readonly ErrorCode[] = ["REJECTED", "TIMEOUT", "INTERNAL"];
