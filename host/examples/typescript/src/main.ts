// A host with one page. The identity provider sends the user back to the same page.
import { embed, type SignedIn } from "sso-bus-client";
import { finishSignIn, startSignIn } from "sso-bus-client/signin";
import { explain } from "./explain.js";
import { settings } from "./settings.js";

const status = document.querySelector<HTMLParagraphElement>("#status")!;
const button = document.querySelector<HTMLButtonElement>("#sign-in")!;
const bus = embed({ src: settings.bus });

button.addEventListener("click", () => {
  const { authorizeUrl, clientId } = settings;
  const redirectUrl = location.origin + location.pathname;
  startSignIn({ bus, authorizeUrl, clientId, redirectUrl }).catch(failed);
});

function welcome({ credentials, currentUser }: SignedIn): void {
  const kind = "legacy_token" in credentials ? "a token that stays" : "tokens that are renewed";
  status.textContent = `Signed in as ${String(currentUser["name"])}, with ${kind}`;
}

function failed(reason: unknown): void {
  status.textContent = explain(reason);
  button.hidden = false;
}

try {
  const signedIn = await finishSignIn({ bus });
  if (signedIn) welcome(signedIn);
  else {
    status.textContent = "Signed out";
    button.hidden = false;
  }
} catch (reason) {
  failed(reason);
}
