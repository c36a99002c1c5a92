// A sound and a notification, as far as this browser and its user allow them, and how loud.

import { address } from "./api.js";
import { isPagesOwn } from "./device.js";
import { attempt, kept } from "./safe.js";
import { shortened } from "./shorten.js";

const ICON = document.querySelector('link[rel="icon"]').href;
const MESSAGE = [660, 880];
const REQUEST = [660, 880, 660, 880];

const isQuiet = () => kept.get("quiet") === "1";
const volume = () => Number(kept.get("volume") ?? 60);

export function sound() { if (!isQuiet()) attempt(() => play(MESSAGE)); }
export function ring() { if (!isQuiet()) attempt(() => play(REQUEST)); }

// One for each conversation; a later one takes the place of the one before.
export function show(id, name, text) {
  if (!isPagesOwn()) return;
  attempt(() => {
    const note = new Notification(name, { body: shortened(text), icon: ICON, tag: `tete-a-tete:${id}`, renotify: true });
    note.onclick = () => {
      window.focus();
      note.close();
      if (location.pathname === address(`sessions/${id}`)) return;
      const link = document.querySelector(`[data-card="${id}"] > a`);
      if (link) link.click();
      else location.assign(address(`sessions/${id}`));
    };
  });
}

// Notes made here: no file to load.
function play(notes) {
  const audio = new AudioContext();
  notes.forEach((frequency, number) => {
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    const at = audio.currentTime + number * 0.12;
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0.0014 * volume(), at);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.12);
    tone.connect(gain).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.14);
    if (number === notes.length - 1) tone.onended = () => audio.close();
  });
}

// The controls, of which a page may have several.
const roots = [...document.querySelectorAll("[data-alerts]")];

function update() {
  for (const root of roots) {
    root.querySelector("[data-sound]").checked = !isQuiet();
    Object.assign(root.querySelector("[data-volume]"), { value: volume(), disabled: isQuiet() });
  }
}

for (const root of roots) {
  root.querySelector("[data-sound]").onchange = ({ target }) => { kept.set("quiet", target.checked ? "0" : "1"); update(); sound(); };
  root.querySelector("[data-volume]").onchange = ({ target }) => { kept.set("volume", target.value); update(); sound(); };
}
update();
