// The waiting room: how long is left for an answer, and what can be done when nobody took the request.

import { fetchPage } from "./api.js";
import "./conversation.js";
import { Draft } from "./draft.js";
import { instant, localise, minutes } from "./format.js";
import { live, stream } from "./live.js";

const { id, expires_at: until } = JSON.parse(document.getElementById("session").textContent);
const room = document.querySelector("[data-room]");
const [countdown, bar] = ["countdown", "expiry"].map((name) => room.querySelector(`[data-${name}]`));

function tick() {
  const seconds = Math.max(0, Math.ceil((instant(until) - (Date.now() - live.skew)) / 1000));
  countdown.textContent = `(${minutes(seconds)})`;
  bar.value = seconds;
}

// Who can be asked now, and at which price, the server's page says.
async function offer() {
  const answer = await fetchPage();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const again = page.getElementById("again");
  if (answer.ok && again) document.getElementById("again").replaceChildren(...again.childNodes);
  localise();
}

new Draft("request").text = ""; // it is made
countdown.hidden = bar.hidden = false;
tick();
const timer = setInterval(tick, 1000);
stream.addEventListener("news", ({ detail }) => {
  const session = detail.sessions.find((each) => each.id === id);
  if (!session || session.status === "waiting") return;
  clearInterval(timer);
  if (!session.accepted_at) offer().catch(() => null); // the link that is there leads on, too
});
