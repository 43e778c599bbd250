// A real OpenID Connect provider on loopback: npm oidc-provider, certified software, with its own
// login pages (any name, any password). The demo and the tests run it.
//
// Takes one JSON argument: {port, busOrigin, claims, lifetime, clients: [{client_id, redirect_uris, alg}], api}; the
// lifetime is that of ID tokens, in seconds; api is a resource (RFC 8707) that it issues access tokens for. For the
// tests, `serve` also takes dPoP, the package's own settings for it.
// Says {"issuer": …} once it serves, then a line for each request: method, path, status, never a
// query or a body. Ends when its standard input does.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

import { errors, Provider } from "oidc-provider";

// The package tells of every default that is left as it is.
console.info = console.warn = () => {};

const KINDS = [
  ["RS256", "rsa", { modulusLength: 2048 }],
  ["ES256", "ec", { namedCurve: "P-256" }],
  ["EdDSA", "ed25519", {}],
];

const newKeys = () =>
  KINDS.map(([alg, kind, options]) => ({
    ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }),
    kid: `${alg}-${randomUUID()}`,
    alg,
    use: "sig",
  }));

// Serves at `port` (0: any) and resolves to {issuer, rotate}: `rotate()` replaces all its keys.
export const serve = async ({
  port,
  busOrigin,
  claims = {},
  lifetime = 900,
  clients,
  api,
  dPoP = {},
  log = () => {},
}) => {
  const server = createServer();
  await new Promise((done, fail) => server.once("error", fail).listen(port, "127.0.0.1", done));
  const issuer = `http://localhost:${server.address().port}`;
  const cookieKey = randomUUID();
  let handle;

  const accessLifetime = (_, { resourceServer }) => (resourceServer ? 300 : 900);
  const getResourceServerInfo = (_, resource) => {
    if (resource !== api) throw new errors.InvalidTarget();
    return { scope: "", audience: api, accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } };
  };
  const rotate = () => {
    const provider = new Provider(issuer, {
      clients: clients.map(({ alg, ...client }) => ({
        ...client,
        id_token_signed_response_alg: alg,
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
      })),
      jwks: { keys: newKeys() },
      cookies: { keys: [cookieKey] },
      scopes: ["openid", "offline_access"],
      claims: { openid: ["sub"], profile: ["name", "org"], email: ["email"] },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, name: id, email: `${id}@example.com`, ...claims }),
      }),
      clientBasedCORS: (_, origin) => origin === busOrigin,
      features: {
        revocation: { enabled: true },
        resourceIndicators: { enabled: Boolean(api), getResourceServerInfo },
        dPoP: { enabled: true, ...dPoP },
      },
      enabledJWA: { idTokenSigningAlgValues: KINDS.map(([alg]) => alg) },
      ttl: { AuthorizationCode: 60, IdToken: lifetime, AccessToken: accessLifetime, RefreshToken: 90 * 86400 },
    });
    provider.on("server_error", (_, error) => console.error(error));
    handle = provider.callback();
  };
  rotate();
  server.on("request", (request, response) => {
    response.on("close", () => log(`${request.method} ${request.url.split("?")[0]} ${response.statusCode}`));
    handle(request, response);
  });
  return { issuer, rotate };
};

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { issuer } = await serve({ ...JSON.parse(process.argv[2]), log: (line) => console.log(line) });
  console.log(JSON.stringify({ issuer }));
  process.stdin.on("end", () => process.exit()).resume();
}
