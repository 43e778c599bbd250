import { useCallback, useEffect, useState } from "react";
import { finishSignIn, startSignIn } from "sso-bus-client/signin";
import { bus } from "./bus.js";
import { settings } from "./settings.js";

/** The user's session: {session, error, signIn}. */
export function useSignIn() {
  const [{ session, error }, setState] = useState({});

  useEffect(() => {
    let mounted = true;
    const set = (state) => mounted && setState(state);
    // Strict mode runs this twice; the second call joins the first: one exchange, one answer.
    finishSignIn({ bus }).then(
      (session) => session && set({ session }),
      (error) => set({ error }),
    );
    return () => {
      mounted = false;
    };
  }, []);

  const signIn = useCallback(() => {
    startSignIn({
      bus,
      authorizeUrl: settings.authorizeUrl,
      clientId: settings.clientId,
      redirectUrl: location.origin + location.pathname,
    }).catch((error) => setState({ error }));
  }, []);

  return { session, error, signIn };
}
