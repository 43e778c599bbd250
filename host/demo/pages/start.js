// Starts Python (MicroPython, through PyScript) for the page's logic.
try {
  const { hooks } = await import("/pyscript/core.js");
  // PyScript composes its worker hooks with Function(…), which this page's policy forbids: it has no workers.
  hooks.worker.onBeforeRunAsync.clear();
  const script = document.createElement("script");
  script.type = "mpy";
  script.src = "/main.py";
  document.body.append(script);
} catch (error) {
  document.getElementById("status").textContent = "This page could not start. Its console says why.";
  throw error;
}
