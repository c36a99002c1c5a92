// A message while nobody looks: a sound, a number in the tab's title, and a notification if that is allowed.

import { attempt, kept } from "./safe.js";

const title = document.title;
const icon = document.querySelector('link[rel="icon"]').href;
let missed = 0;

const isQuiet = () => kept.get("quiet") === "1";
const permission = () => attempt(() => Notification.permission);

export function notify(name, text) {
  if (!document.hidden) return;
  missed += 1;
  document.title = `(${missed}) ${title}`;
  if (!isQuiet()) attempt(beep);
  if (permission() === "granted") {
    attempt(() => {
      const note = new Notification(name, { body: text.slice(0, 120), icon, tag: title });
      note.onclick = () => { window.focus(); note.close(); };
    });
  }
}

export function offerNotifications(root) {
  const sound = root.querySelector("[data-sound]");
  sound.closest("[hidden]").hidden = false;
  sound.checked = !isQuiet();
  sound.onchange = () => kept.set("quiet", sound.checked ? "0" : "1");
  const button = root.querySelector("[data-notify]");
  button.hidden = permission() !== "default";
  button.onclick = async () => { button.hidden = (await attempt(() => Notification.requestPermission())) !== "default"; };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  missed = 0;
  document.title = title;
});

// Two short notes, made here: no file to load.
function beep() {
  const audio = new AudioContext();
  [660, 880].forEach((frequency, number) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const at = audio.currentTime + number * 0.12;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.08, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.12);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.14);
  });
}
