import { onScopeDispose, shallowRef } from "vue";
import { session } from "./session.js";

/** What is known of the session, as a ref: {state, user, company, error}. */
export function useSession() {
  const known = shallowRef(session.snapshot());
  onScopeDispose(
    session.on("change", ({ after }) => {
      known.value = after;
    }),
  );
  return known;
}
