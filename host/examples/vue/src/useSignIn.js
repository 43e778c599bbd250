import { onMounted, ref } from "vue";
import { embed } from "sso-bus-client";
import { finishSignIn, startSignIn } from "sso-bus-client/signin";
import { settings } from "./settings.js";

// One bus for the app, outside of every component, so that it outlives them.
const bus = embed({ src: settings.bus });

/** The user's session: {session, error, signIn}. */
export function useSignIn() {
  const session = ref(null);
  const error = ref(null);

  onMounted(async () => {
    try {
      session.value = await finishSignIn({ bus });
    } catch (failure) {
      error.value = failure;
    }
  });

  const signIn = async () => {
    try {
      await startSignIn({
        bus,
        authorizeUrl: settings.authorizeUrl,
        clientId: settings.clientId,
        redirectUrl: location.origin + location.pathname,
      });
    } catch (failure) {
      error.value = failure;
    }
  };

  return { session, error, signIn };
}
