// What a browser makes of a file before it is sent: its address on this page and its size; nothing if it is no picture.

import { attempt } from "./safe.js";

const SHOWN = ["image/jpeg", "image/png", "image/gif", "image/webp"];

export async function picture(file) {
  if (!SHOWN.includes(file.type)) return null;
  const url = attempt(() => URL.createObjectURL(file));
  if (!url) return null;
  const image = Object.assign(new Image(), { src: url });
  await attempt(() => image.decode());
  return image.naturalWidth ? { url, width: image.naturalWidth, height: image.naturalHeight } : null;
}
