// Counts every message that reaches this frame, whoever sent it, and lists what it claims to be.
const count = document.getElementById("decoy-count");
const types = document.getElementById("decoy-types");
let received = 0;

addEventListener("message", ({ data }) => {
  received += 1;
  count.textContent = String(received);
  const item = document.createElement("li");
  item.textContent = `${String(data?.type).slice(0, 64)} ${JSON.stringify(data?.payload ?? null).slice(0, 96)}`;
  types.prepend(item);
});
