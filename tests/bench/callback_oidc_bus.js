// A host page with the bus and its sign-in helper, before the sign-in at an OpenID Connect provider and after it.
import { embed } from "/far/client.js";
import { finishSignIn, startSignIn } from "/far/signin.js";

const { issuer, clientId, scope, redirectUrl, src } = JSON.parse(sessionStorage.getItem("bench"));
const authorizeUrl = `${issuer}/authorize`;

export const begin = () => startSignIn({ authorizeUrl, clientId, redirectUrl, scope, nonce: true });

if (location.href.startsWith(redirectUrl)) report(finishSignIn({ bus: embed({ src }) }));
