// What must not compile: each line after a mark is wrong, and TypeScript says so if it is not.
import { BusError, embed, type BusCode, type SsoPayload, type SsoRequest } from "sso-bus-client";
import { mockBus } from "sso-bus-client/mock";
import { openSession } from "sso-bus-client/session";
import { finishSignIn, startSignIn } from "sso-bus-client/signin";

const bus = embed({ src: "https://bus.example.com/" });
const right: SsoPayload = { code: "c", redirectUrl: "https://app.example.com/" };

// @ts-expect-error - an address is required
embed({});
// @ts-expect-error - and no other option exists
embed({ src: "/", sandbox: "allow-scripts" });
// @ts-expect-error - milliseconds are a number
embed({ src: "/", timeout: "60s" });

// @ts-expect-error - the payload is required
bus.request("AUTH.SSO");
// @ts-expect-error - the redirect URL is missing
bus.request("AUTH.SSO", { code: "c" });
// @ts-expect-error - a code is a string
bus.request("AUTH.SSO", { ...right, code: 1 });
// @ts-expect-error - the field is spelled otherwise
bus.request("AUTH.SSO", { code: "c", redirectURL: "https://app.example.com/" });
// @ts-expect-error - unknown fields are refused
bus.request("AUTH.SSO", { ...right, colour: "red" });
// @ts-expect-error - a field that is not sent is left out
bus.request("AUTH.SSO", { ...right, codeVerifier: undefined });
// @ts-expect-error - null does not leave it out
bus.request("AUTH.SSO", { ...right, nonce: null });
// @ts-expect-error - it has no reply: abort the signal instead
bus.request("BUS.CANCEL", { id: "1" });
// @ts-expect-error - no such message
bus.request("AUTH.SSSO", right);
// @ts-expect-error - nor one of a service that nobody has told of
bus.request("HR.FIND", {});
// @ts-expect-error - a reply is no request
bus.request("AUTH.SSO_FULFILLED", {});
// @ts-expect-error - and a push is none
bus.request("AUTH.TOKEN_REFRESHED", {});
declare const some: string;
// @ts-expect-error - a type is not any string
bus.request(some, {});
// @ts-expect-error - a signal is not its controller
bus.request("AUTH.SSO", right, { signal: new AbortController() });

const signedIn = await bus.request("AUTH.SSO", right);
// @ts-expect-error - which kind of credentials it is must be looked at first
signedIn.credentials.idToken;
// @ts-expect-error - not every provider gives a refresh token
if ("idToken" in signedIn.credentials) signedIn.credentials.refreshToken.length;
// @ts-expect-error - what a company holds is for the backend to know
signedIn.company.name.toUpperCase();

// @ts-expect-error - in seconds
bus.request("AUTH.CREDENTIALS", { minValidity: 60 });
// @ts-expect-error - which are a number
bus.request("AUTH.CREDENTIALS", { minValiditySeconds: "60" });
// @ts-expect-error - it asks with nothing
bus.request("AUTH.SIGN_OUT", { everywhere: true });
// @ts-expect-error - the payload is required here
bus.request("BUS.REGISTER");
// @ts-expect-error - and has a release
bus.request("BUS.REGISTER", { origin: "https://app.example.com", appName: "CRM" });
// @ts-expect-error - a list, even of one
bus.request("BUS.INIT", { services: "AUTH" });
// @ts-expect-error - and is not left out
bus.request("BUS.DESTROY", {});
// @ts-expect-error - the field is spelled otherwise
bus.request("AUTH.EMAIL_AND_PASSWORD", { eMail: "a@b.example", password: "p" });
// @ts-expect-error - there may be no session
(await bus.request("BUS.REGISTER", { origin: "", appName: "CRM", release: "1" })).user;
// @ts-expect-error - INIT is answered with nothing
(await bus.request("BUS.INIT", { services: [] })).user;
// @ts-expect-error - a legacy token never expires
(await bus.request("AUTH.CREDENTIALS")).expiresAt.toFixed();
// @ts-expect-error - not every provider has a page for it
(await bus.request("AUTH.SIGN_OUT")).logoutUrl.length;
// @ts-expect-error - and of what READY says, just this
(await bus.ready).uptime;
// @ts-expect-error - a callback gets the payload of its type
bus.on("BUS.READY", (payload: { protocol: 2 }) => payload);
// @ts-expect-error - no such push
bus.on("AUTH.TOKENS_REFRESHED", () => {});
// @ts-expect-error - a request is none
bus.on("AUTH.SSO", () => {});
// @ts-expect-error - nor is a reply
bus.on("AUTH.SSO_FULFILLED", () => {});
// @ts-expect-error - its token has another name
bus.on("AUTH.TOKEN_REFRESHED", ({ token }) => token);
// @ts-expect-error - it has no payload
bus.on("AUTH.REFRESH_TOKEN_EXPIRED", (payload) => payload.user);
// @ts-expect-error - nobody may be signed in
bus.on("AUTH.SESSION_CHANGED", ({ user }) => user.name);
// @ts-expect-error - the iframe stays the same
bus.iframe = document.createElement("iframe");

// @ts-expect-error - the answer may be that there was none
(await finishSignIn({ bus })).credentials;
// @ts-expect-error - a popup needs the bus
startSignIn({ authorizeUrl: "/", clientId: "c", redirectUrl: "/", popup: true });
// @ts-expect-error - a client has an id
startSignIn({ authorizeUrl: "/", redirectUrl: "/" });
// @ts-expect-error - nobody says where
startSignIn({ redirectUrl: "/" });
// @ts-expect-error - the provider has where to go back to
startSignIn({ bus });
// @ts-expect-error - the answer's issuer is a text
startSignIn({ bus, redirectUrl: "/", issuer: true });
// @ts-expect-error - a parameter is a text, or several
startSignIn({ bus, redirectUrl: "/", params: { max_age: 60 } });
// @ts-expect-error - not every bus knows
(await bus.ready).authorization.authorizeUrl;

// @ts-expect-error - the bus's debug lines name the release
openSession({ bus, appName: "CRM" });
// @ts-expect-error - a list, even of one
openSession({ bus, appName: "CRM", release: "1", origins: "https://api.example.com" });
const session = openSession({ bus, appName: "CRM", release: "1" });
// @ts-expect-error - nobody may be signed in
session.user.name;
// @ts-expect-error - what is known is not for the host to say
session.state = "signed-in";
// @ts-expect-error - no such state
session.state === "signedIn";
// @ts-expect-error - there is one event
session.on("changed", () => {});
// @ts-expect-error - no such reason
session.on("change", ({ reason }) => reason === "renewed");
// @ts-expect-error - in milliseconds, by its own name
session.credentials({ minValiditySeconds: 60 });
// @ts-expect-error - which kind of credentials it is must be looked at first
(await session.credentials()).idToken;
// @ts-expect-error - a sign-in with a code has its redirect URL
session.signIn({ code: "c" });
// @ts-expect-error - everywhere or here, nothing else
session.signOut({ where: "here" });

declare const failure: BusError;
// @ts-expect-error - no such code
failure.code === "SERVER_ERROR";
// @ts-expect-error - not every failure has an error of the bus's own
failure.error.details;
if (failure.code === "TIMEOUT") {
  // @ts-expect-error - nobody has answered
  failure.meta.status;
}
if (failure.code === "REJECTED") {
  // @ts-expect-error - the backend's JSON may be anything
  failure.error.code;
}
if (failure.code === "NOT_ALLOWED") {
  // @ts-expect-error - a diagnosis has evidence, and no reply
  failure.error.code;
}

// @ts-expect-error - a code of the embed module is none of the bus
const code: BusCode = "TIMEOUT";
// @ts-expect-error - the type says which payload it is
const message: SsoRequest = { type: "BUS.CANCEL", payload: right };

const mocked = mockBus();
// @ts-expect-error - no such code
mocked.mock.fail("AUTH.SSO", "SERVER_ERROR");
// @ts-expect-error - no such act
mocked.mock.delay("AUTH.LOGIN", 100);
// @ts-expect-error - the option is spelled otherwise
mockBus({ users: { name: "Ada" } });
// @ts-expect-error - nor is there a session to look into before one has looked whether there is one
mocked.mock.session.user;
