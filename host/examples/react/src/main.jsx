import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useSignIn } from "./useSignIn.js";

function App() {
  const { session, error, signIn } = useSignIn();
  if (session) return <p role="status">Signed in as {session.currentUser.name}</p>;
  return (
    <>
      <p role="status">{error ? `Not signed in: ${error.message} (${error.code})` : "Signed out"}</p>
      <button type="button" id="sign-in" onClick={signIn}>
        Sign in
      </button>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
