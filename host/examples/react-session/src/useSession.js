import { useSyncExternalStore } from "react";
import { session } from "./session.js";

const subscribe = (callback) => session.on("change", callback);

/** What is known of the session: {state, user, company, error}. */
export const useSession = () => useSyncExternalStore(subscribe, session.snapshot);
