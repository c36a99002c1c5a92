// The button of a widget on somebody's page, and the frame that it opens. It imports nothing, leaves one name behind,
// writes no style where it could reach others, and tells the frame no more than that it is open or closed.

const script = document.currentScript;
const TEXTS = {
  en: { open: "Chat with us", close: "Close the chat", unread: "new messages", title: "Chat" },
  fr: { open: "Discuter avec nous", close: "Fermer la discussion", unread: "nouveaux messages", title: "Discussion" },
};
const PATIENCE_MS = 3000; // what a frame may take to say hello after it has loaded
const STYLE = `
  :host { all: initial !important; }
  * { box-sizing: border-box; }
  button, .box { position: fixed; z-index: 2147483646; inset-inline-end: max(1rem, env(safe-area-inset-right)); }
  button { bottom: max(1rem, env(safe-area-inset-bottom)); width: 3.5rem; height: 3.5rem; padding: 0; border: 0; border-radius: 50%;
    display: grid; place-items: center; cursor: pointer; color: #fff; background: #0b6b60; box-shadow: 0 2px 12px rgb(0 0 0 / 30%); font: 600 14px/20px system-ui, sans-serif; }
  button:hover { background: #07564d; }
  button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #0b6b60; }
  button[hidden] { display: none; }
  svg { width: 1.75rem; height: 1.75rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
  span { position: absolute; top: -4px; inset-inline-end: -4px; min-width: 20px; padding: 0 5px; border-radius: 10px; text-align: center; color: #fff; background: #b3261e; }
  span:empty { display: none; }
  .box { bottom: calc(max(1rem, env(safe-area-inset-bottom)) + 4.25rem); width: min(25rem, calc(100vw - 2rem)); height: min(40rem, calc(100dvh - 6.5rem));
    overflow: hidden; border: 1px solid rgb(128 128 128 / 40%); border-radius: 12px; background: #faf8f5; box-shadow: 0 8px 40px rgb(0 0 0 / 30%); visibility: hidden; opacity: 0; }
  .box.is-open { visibility: visible; opacity: 1; }
  iframe { display: block; width: 100%; height: 100%; border: 0; }
  @media (prefers-color-scheme: dark) {
    button { color: #06302b; background: #6fd0c2; }
    button:hover { background: #93ded3; }
    .box { background: #151513; }
  }
  @media (max-width: 30rem), (max-height: 30rem) {
    .box { inset: 0; z-index: 2147483647; width: 100%; height: 100dvh; border: 0; border-radius: 0; }
  }
  @media (prefers-reduced-motion: no-preference) {
    .box { translate: 0 0.5rem; transition: opacity 0.15s, translate 0.15s, visibility 0.15s; }
    .box.is-open { translate: 0 0; }
  }`;
const make = (name, values, ...children) => {
  const element = Object.assign(document.createElement(name), values);
  element.append(...children);
  return element;
};

function icon() {
  const [svg, path] = ["svg", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

function start({ key, lang }) {
  const page = document.documentElement;
  const language = (lang || page.lang).toLowerCase().startsWith("fr") ? "fr" : "en";
  const texts = TEXTS[language];
  const address = new URL(`widget/${encodeURIComponent(key)}?language=${language}`, script.src);
  let isOpen = false;
  let isThere = false;
  let unread = 0;

  const badge = make("span", { ariaHidden: "true" });
  const button = make("button", { type: "button", hidden: true }, icon(), badge);
  const frame = make("iframe", { title: texts.title, src: address.href, referrerPolicy: "origin", allow: "clipboard-write" });
  const box = make("div", { className: "box", role: "dialog", ariaLabel: texts.title }, frame);
  const place = make("tete-a-tete", { lang: language });
  const root = place.attachShadow({ mode: "open" });
  // No policy for styles is asked: it is no element, and no attribute.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const tell = (what) => frame.contentWindow?.postMessage({ "tete-a-tete": what }, address.origin);

  function show() {
    badge.textContent = isOpen || !unread ? "" : String(Math.min(unread, 99));
    box.classList.toggle("is-open", isOpen);
    button.querySelector("path").setAttribute("d", isOpen ? "M6 9l6 6 6-6" : "M4 5h16v11H10l-4 4v-4H4z");
    button.ariaExpanded = String(isOpen);
    button.ariaLabel = isOpen ? texts.close : texts.open + (unread ? ` (${unread} ${texts.unread})` : "");
  }

  function turn(open) {
    if (!isThere || isOpen === open) return;
    isOpen = open;
    show();
    tell(open ? "open" : "close");
    (open ? frame : button).focus();
  }

  addEventListener("message", ({ source, origin, data }) => {
    if (source !== frame.contentWindow || origin !== address.origin) return;
    const what = data?.["tete-a-tete"];
    if (what === "hello") {
      isThere = true;
      button.hidden = false;
    } else if (what === "open" || what === "close") turn(what === "open");
    else if (what === "unread" && Number.isSafeInteger(data.number) && data.number >= 0) {
      unread = data.number;
      show();
    }
  });
  button.onclick = () => turn(!isOpen);
  root.addEventListener("keydown", (event) => event.key === "Escape" && turn(false));
  frame.onload = () => setTimeout(() => isThere || console.error(
    `Tête-à-tête: ${address.origin} shows no chat on ${location.origin}. The widget has another key, or was revoked, or ${location.origin} is not among its origins: an administrator finds it at ${new URL("admin/widgets", script.src)}.`,
  ), PATIENCE_MS);

  // Beside the body, which frameworks replace as a whole.
  const put = () => {
    place.dir = getComputedStyle(page).direction;
    if (!place.isConnected) page.append(place);
  };
  root.append(box, button);
  show();
  put();
  new MutationObserver(put).observe(page, { childList: true, attributes: true, attributeFilter: ["dir"] });
  window.TeteATete = Object.freeze({ open: () => turn(true), close: () => turn(false) });
}

// Twice on a page it is there once.
if (script?.dataset.key && !window.TeteATete) {
  window.TeteATete = Object.freeze({});
  const begin = () => start(script.dataset);
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin); // nothing of the page waits for it
}
