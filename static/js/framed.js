// A page in a widget's frame: its links and forms lead on in the frame, and Escape closes that.

import { framed } from "./api.js";

const target = (path) => new URL(path, new URL(framed.here(), document.baseURI));

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented) return;
  const path = link.getAttribute("href");
  const to = target(path);
  if (path.startsWith("#")) {
    event.preventDefault(); // for the browser this page has the address of the frame around
    const place = document.getElementById(path.slice(1));
    place?.scrollIntoView();
    place?.focus();
  } else if (to.origin === origin && (!link.target || link.matches("[data-attachment]"))) {
    event.preventDefault();
    framed.go(to.pathname + to.search);
  } else Object.assign(link, { target: "_blank", rel: "noopener" });
});

// No cookie goes with what a browser loads by itself: pictures are fetched, and shown from memory.
async function load(picture) {
  const { src } = picture.dataset;
  delete picture.dataset.src;
  const answer = await framed.fetch(src).catch(() => null);
  if (answer?.ok) picture.src = URL.createObjectURL(await answer.blob());
}
const loadAll = () => document.querySelectorAll("img[data-src]").forEach(load);
new MutationObserver(loadAll).observe(document, { childList: true, subtree: true, attributeFilter: ["data-src"] });
loadAll();

// After static/js/page.js, which asks before what cannot be undone.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog") return;
  event.preventDefault();
  const content = new URLSearchParams(new FormData(form, event.submitter));
  const to = target(form.getAttribute("action") ?? "");
  if (form.method === "post") await framed.go(to.pathname + to.search, { method: "POST", body: content });
  else await framed.go(`${to.pathname}?${content}`);
  for (const button of form.querySelectorAll("button:disabled")) button.disabled = false; // if it is still here
});

document.addEventListener("keydown", (event) => {
  const isOurs = event.key === "Escape" && !event.defaultPrevented && !event.isComposing;
  if (isOurs && !document.querySelector("dialog[open]")) framed.close();
});
document.querySelector("[data-close-frame]").onclick = () => framed.close();
