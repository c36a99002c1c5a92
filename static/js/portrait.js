// A picture is made small before it is sent: a photo of a phone is larger than what a form may bring.

import "./page.js";
import { attempt } from "./safe.js";

const PIXELS = 512;
const form = document.querySelector("[data-portrait]");
const field = form.querySelector("input[type=file]");
const button = form.querySelector("button");

// The middle of it, as a square; nothing where the browser cannot read it: then the server says so.
async function small(file) {
  const picture = await createImageBitmap(file);
  const side = Math.min(picture.width, picture.height);
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.min(side, PIXELS), height: Math.min(side, PIXELS) });
  const place = [(picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height];
  canvas.getContext("2d").drawImage(picture, ...place);
  const blob = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.8); });
  return new File([blob], "picture.jpg", { type: blob.type });
}

field.addEventListener("change", async () => {
  const [file] = field.files;
  if (!file) return;
  button.disabled = true;
  const made = await small(file).catch(() => null);
  if (field.files[0] !== file) return; // Another one was chosen meanwhile.
  button.disabled = false;
  if (made) attempt(() => {
    const chosen = new DataTransfer();
    chosen.items.add(made);
    field.files = chosen.files;
  });
});
