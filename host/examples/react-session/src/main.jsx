import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { session, signIn } from "./session.js";
import { settings } from "./settings.js";
import { useSession } from "./useSession.js";

function Orders() {
  const [status, setStatus] = useState("");
  const load = async () => {
    const response = await session.fetch(`${settings.api}/orders`);
    setStatus(`${response.status}`);
  };
  return (
    <button type="button" id="orders" onClick={load}>
      Orders {status}
    </button>
  );
}

function App() {
  const { state, user, error } = useSession();
  if (state === "restoring") return <p role="status">One moment</p>;
  if (!user)
    return (
      <>
        <p role="status">{error ? `Not signed in: ${error.message} (${error.code})` : "Signed out"}</p>
        <button type="button" id="sign-in" onClick={signIn}>
          Sign in
        </button>
      </>
    );
  return (
    <>
      <p role="status">Signed in as {user.name}</p>
      <Orders />
      <button type="button" id="sign-out" onClick={() => session.signOut({ everywhere: true })}>
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
