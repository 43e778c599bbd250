import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { session, signIn } from "./session.js";
import { settings } from "./settings.js";
import { useSession } from "./useSession.js";

function App() {
  const { state, user, error } = useSession();
  const [failure, setFailure] = useState(null);
  const [orders, setOrders] = useState("");
  const load = async () => {
    const response = await session.fetch(`${settings.api}/orders`);
    setOrders(response.status);
  };
  // What a click asks for may fail: the popup was closed, the API cannot be reached, the session is over.
  const tries = (action) => () => {
    setFailure(null);
    action().catch(setFailure);
  };
  if (state === "restoring") return <p role="status">One moment</p>;
  if (!user)
    return (
      <>
        <p role="status">
          {failure?.message ?? (error ? `Not signed in: ${error.message} (${error.code})` : "Signed out")}
        </p>
        <button type="button" id="sign-in" onClick={tries(signIn)}>
          Sign in
        </button>
      </>
    );
  return (
    <>
      <p role="status">{failure?.message ?? `Signed in as ${user.name}`}</p>
      <button type="button" id="orders" onClick={tries(load)}>
        Orders {orders}
      </button>
      <button type="button" id="sign-out" onClick={tries(() => session.signOut({ everywhere: true }))}>
        Sign out
      </button>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
