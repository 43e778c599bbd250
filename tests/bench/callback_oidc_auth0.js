// A page with auth0-spa-js, which gets a refresh token as the others do, before the sign-in at an OpenID Connect
// provider and after it.
import { Auth0Client } from "/far/auth0-spa-js.js";

const { issuer, clientId, scope, redirectUrl } = JSON.parse(sessionStorage.getItem("bench"));
const client = new Auth0Client({
  domain: new URL(issuer).host,
  issuer,
  clientId,
  useRefreshTokens: true,
  authorizationParams: { redirect_uri: redirectUrl, scope },
});

export const begin = () => client.loginWithRedirect();

if (location.href.startsWith(redirectUrl))
  report(client.handleRedirectCallback().then(async () => ({ currentUser: await client.getUser() })));
