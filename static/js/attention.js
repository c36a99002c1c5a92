// What happens in conversations that this page does not show: a number in the menu, and a notification.

import { live, stream, user, words } from "./live.js";
import { notify } from "./notify.js";

const here = document.querySelector("[data-talk]")?.dataset.talk;

if (stream) {
  const open = new Map(Object.entries(live.open)); // id → [status, unread]
  total(open);
  stream.addEventListener("news", ({ detail }) => {
    for (const id of detail.removed) open.delete(String(id));
    for (const session of detail.sessions) {
      const id = String(session.id);
      if (id !== here) tell(session, open.get(id) ?? ["", 0]);
      open.set(id, [session.status, session.status === "ended" ? 0 : session.unread]);
    }
    total(open);
  });
}

function tell(session, [status, unread]) {
  const who = user.role === "client" ? session.agent : session.client;
  if (session.unread > unread) notify(who.name, session.last_message.message);
  else if (!status && session.status === "waiting" && user.role === "agent") notify(who.name, words.new_request);
  else if (status === "waiting" && ["active", "paused"].includes(session.status) && user.role === "client") notify(who.name, words.accepted);
}

function total(open) {
  const badge = document.querySelector("[data-total]");
  const sum = [...open].reduce((all, [id, [, unread]]) => all + (id === here ? 0 : unread), 0);
  badge.textContent = sum;
  badge.hidden = !sum;
}
