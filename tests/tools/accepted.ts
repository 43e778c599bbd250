// What must compile besides the example: the rest of the API, and that every code can be told apart.
import {
  DEFAULT_TIMEOUT,
  embed,
  type BusError,
  type Credentials,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  type Requests,
  type SignedIn,
  type SsoRejected,
} from "sso-bus-client";
import { mockBus, mockClock, type MockBus } from "sso-bus-client/mock";
import { openSession, type SessionReason, type SessionState } from "sso-bus-client/session";
import * as signin from "sso-bus-client/signin";
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

const payload = { code: "c", redirectUrl: "https://app.example.com/", codeVerifier: "v".repeat(43), nonce: "n" };
const { credentials, currentUser } = await bus.request("AUTH.SSO", payload, { timeout: 1000, signal: aborting.signal });
const user: JsonValue = currentUser;
console.log(user);

// The session, by the names of its messages.
const registering = { origin: location.origin, appName: "CRM", release: "1" };
const restored = await bus.request("BUS.REGISTER", registering);
const who: JsonObject | undefined = restored?.user;
const started: undefined = await bus.request("BUS.INIT", { services: ["AUTH"] });
const held = await bus.request("AUTH.CREDENTIALS", { minValiditySeconds: 60 }, { timeout: 1000 });
const until: number | undefined = held.expiresAt;
const again: JsonObject = (await bus.request("AUTH.CREDENTIALS")).company;
const withPassword = { email: "a@b.example", password: "p" };
const byPassword: SignedIn = await bus.request("AUTH.EMAIL_AND_PASSWORD", withPassword);
const logoutUrl: string | undefined = (await bus.request("AUTH.SIGN_OUT")).logoutUrl;
await bus.request("AUTH.SIGN_OUT", {}, { signal: aborting.signal });
const stopped: undefined = await bus.request("BUS.DESTROY", { services: [] });
console.log(who, started, until, again, byPassword, logoutUrl, stopped);
bus.on("AUTH.TOKEN_REFRESHED", ({ idToken, refreshToken, accessToken }) =>
  console.log(idToken.length, refreshToken?.length, accessToken?.length),
);
bus.on("AUTH.REFRESH_TOKEN_EXPIRED", () => console.log("expired"));
bus.on("AUTH.SESSION_CHANGED", ({ user }) => console.log(user === null ? "signed out" : user.name));
bus.on("BUS.DEBUG", (report) => console.log(report.event === "backend" ? report.url : report.at));

// What a bus of later says: a host names the type and what belongs to it.
declare module "sso-bus-client" {
  interface Requests {
    "CRM.FIND": { payload: { name: string }; result: { found: number } };
    "CRM.COUNT": { payload: Record<string, never>; result: number };
  }
  interface Pushes {
    "CRM.CHANGED": { id: number };
  }
}
const { found } = await bus.request("CRM.FIND", { name: "a" });
const count: number = await bus.request("CRM.COUNT");
bus.on("CRM.CHANGED", ({ id }) => console.log(id + found + count));

// A function of the host's own that takes any request knows what belongs to each.
export function ask<T extends keyof Requests>(
  type: T,
  payload: Requests[T]["payload"],
): Promise<Requests[T]["result"]> {
  return bus.request(type, payload);
}

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

// What the host does not say, the bus does.
const shortly: SignedIn = await startSignIn({ bus, redirectUrl: "/callback", popup: true });
const away: Promise<never> = startSignIn({ bus, redirectUrl: "/callback", params: { resource: ["urn:a", "urn:b"] } });
const alsoAway: Promise<never> = startSignIn({ authorizeUrl: "/", clientId: "c", redirectUrl: "/callback" });
const { authorization } = await bus.ready;
const begins: string | undefined = authorization?.authorizeUrl;
const prompt: string | string[] | undefined = authorization?.params["prompt"];
console.log(shortly, away, alsoAway, begins, prompt, authorization?.issRequired);

// The session as one object.
const session = openSession({ bus, appName: "CRM", release: "1", origins: ["https://api.example.com"], signin });
const reasons: SessionReason[] = [];
const end: () => void = session.on("change", ({ before, after, reason }) => {
  if (before.state !== after.state) reasons.push(reason);
  if (after.user && after.company) console.log(after.user.name, after.company.name);
});
const known: SessionState = await session.ready;
console.log(known === session.snapshot(), session.state === "restoring", session.error?.code);
token(await session.credentials());
token(await session.credentials({ minValidity: 60_000 }));
const response: Response = await session.fetch(new URL("https://api.example.com/"), { method: "POST", body: "b" });
const atProvider = { authorizeUrl: "https://login.example.com/authorize", clientId: "c", redirectUrl: "/cb" };
const inPopup: SignedIn = await session.signIn({ ...atProvider, popup: true, timeout: 1000 });
const byCode: SignedIn = await session.signIn({ code: "c", redirectUrl: "https://app.example.com/" });
const byAddress: SignedIn = await session.signIn({ email: "a@b.example", password: "p" });
const leaving: Promise<never> = session.signIn(atProvider);
session.signIn({ redirectUrl: "/callback" });
const next: string | undefined = await session.signOut({ everywhere: true });
console.log(response.ok, inPopup, byCode, byAddress, leaving, next);
end();
session.close();
openSession({ bus, appName: "CRM", release: "1" });

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

// A test of a host: what takes a bus takes the mock.
const clock = mockClock(0);
const mocked: MockBus = mockBus({ user: ({ code = "" }) => ({ name: code }), clock, lifeSeconds: 60 });
export const inTest: typeof bus = mocked;
mocked.mock.fail("refresh", { code: "REJECTED", status: 503, error: null }, { times: 2 });
mocked.mock.fail("AUTH.SSO", "BACKEND_TIMEOUT");
await mocked.mock.signInElsewhere({ user: { name: "Bob" } });
await clock.advance(1000);
const letGo: () => Promise<void> = mocked.mock.hold("AUTH.CREDENTIALS");
await letGo();
