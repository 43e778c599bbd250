// A host page: one page, which the identity provider also sends the user back to.
import { embed, type SignedIn } from "sso-bus-client";
import { finishSignIn, startSignIn } from "sso-bus-client/signin";
import { explain } from "./explain.js";

const status = document.querySelector<HTMLParagraphElement>("#status")!;
const button = document.querySelector<HTMLButtonElement>("#sign-in")!;
const { bus: src = "", authorize: authorizeUrl = "", clientId = "" } = document.body.dataset;

const bus = embed({ src });

button.addEventListener("click", () => {
  const redirectUrl = location.origin + location.pathname;
  startSignIn({ authorizeUrl, clientId, redirectUrl }).catch(failed);
});

function welcome({ credentials, currentUser }: SignedIn): void {
  const kind = "legacy_token" in credentials ? "legacy" : "migrated";
  status.textContent = `Signed in as ${String(currentUser["name"])} (${kind})`;
}

function failed(reason: unknown): void {
  status.textContent = explain(reason);
  button.hidden = false;
}

try {
  const signedIn = await finishSignIn({ bus });
  if (signedIn) welcome(signedIn);
  else {
    status.textContent = "Nobody is signed in";
    button.hidden = false;
  }
} catch (reason) {
  failed(reason);
}
