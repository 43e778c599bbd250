// A host page with the bus, back from the provider.
import { embed } from "/far/client.js";

const { src, code, redirectUrl, codeVerifier, nonce } = query;
report(embed({ src }).request("AUTH.SSO", { code, redirectUrl, ...(nonce && { codeVerifier, nonce }) }));
