// A page with oidc-client-ts as its defaults have it, before the sign-in at an OpenID Connect provider and after it.
import { UserManager } from "/far/oidc-client-ts.js";

const { issuer, clientId, scope, redirectUrl } = JSON.parse(sessionStorage.getItem("bench"));
const manager = new UserManager({ authority: issuer, client_id: clientId, redirect_uri: redirectUrl, scope });

export const begin = () => manager.signinRedirect();

if (location.href.startsWith(redirectUrl))
  report(manager.signinCallback().then(({ profile }) => ({ currentUser: profile })));
