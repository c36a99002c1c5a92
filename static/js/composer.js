// Writing: Enter sends, drafts are kept, the other side sees that somebody types, and `/` brings replies.

import { post } from "./api.js";
import { Draft } from "./draft.js";
import { measure } from "./length.js";
import { attempt } from "./safe.js";
import { Tray } from "./tray.js";

const TYPING_AGAIN_MS = 2000;
// On a touch screen Enter breaks the line, and a button sends.
const hasKeys = () => attempt(() => matchMedia("(hover: hover)").matches) ?? true;

export class Composer {
  onLast = () => {}; // asked for one's last message, to edit it
  onCancel = () => {};
  #form; #input; #replies; #sessionId; #tray; #draft; #typedAt = 0;
  #save = null; // of a message that is being edited

  // `attach(file, text)` sends a file of the tray.
  constructor(root, send, attach, signal) {
    this.#form = root.querySelector("[data-composer]");
    this.#input = this.#form.querySelector("textarea");
    this.#replies = this.#form.querySelector("[data-replies]");
    this.#sessionId = Number(root.dataset.talk);
    this.#tray = new Tray(root, signal);
    this.#draft = new Draft(root.dataset.talk);
    this.#form.querySelector("[data-without-script]").hidden = true;
    this.#form.querySelector("[data-hint-keys]").hidden = !hasKeys();
    if (!this.#input.value) this.#input.value = this.#draft.text;
    measure(this.#input);
    this.#grow();

    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (this.#save) return void (text && this.#save(text));
      const [first, ...others] = this.#tray.empty();
      if (first) attach(first, text);
      else if (text) send(text);
      others.forEach((each) => attach(each, ""));
      this.#put("");
      this.#input.focus();
    });
    this.#input.addEventListener("input", () => this.#changed());
    this.#input.addEventListener("blur", () => this.#type(false));
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#replies?.addEventListener("click", ({ target }) => this.#choose(target.closest("[data-shortcut]")));
  }

  get isOpen() { return !this.#form.hidden; }

  // Nobody types here any more.
  leave() { this.#type(false); }

  // Before what is being written.
  insert(text) {
    this.onCancel();
    this.#put([text, this.#input.value].filter(Boolean).join("\n"));
    this.#input.focus();
  }

  // In the place of what is being written, which is kept: what is sent goes to `save`.
  edit(text, save) {
    this.#save = save;
    this.#put(text);
    this.#input.focus();
    this.#input.setSelectionRange(text.length, text.length);
  }

  editNoMore() {
    this.#save = null;
    this.#put(this.#draft.text);
    this.#input.focus();
  }

  #put(text) {
    this.#input.value = text;
    this.#changed();
  }

  #changed() {
    const text = this.#input.value;
    if (!this.#save) this.#draft.text = text;
    measure(this.#input);
    this.#grow();
    this.#offer();
    this.#type(text.trim() !== "" && !text.startsWith("/"));
  }

  #type(isTyping) {
    const now = Date.now();
    if (isTyping ? now - this.#typedAt < TYPING_AGAIN_MS : !this.#typedAt) return;
    this.#typedAt = isTyping ? now : 0;
    post("typing", { chat_session_id: this.#sessionId, typing: isTyping }).catch(() => {});
  }

  #key(event) {
    if (event.isComposing) return;
    const offered = this.#offered();
    if (offered.length && ["ArrowDown", "ArrowUp", "Enter", "Tab", "Escape"].includes(event.key)) {
      event.preventDefault();
      const current = offered.findIndex((item) => item.ariaCurrent);
      if (event.key === "Escape") this.#replies.hidden = true;
      else if (event.key.startsWith("Arrow")) {
        const step = event.key === "ArrowDown" ? 1 : -1;
        this.#point(offered, (current + step + offered.length) % offered.length);
      } else this.#choose(offered[current].querySelector("button"));
    } else if (event.key === "Escape" && this.#save) {
      event.preventDefault();
      this.onCancel();
    } else if (event.key === "ArrowUp" && !this.#save && !this.#input.value && !event.altKey) {
      event.preventDefault();
      this.onLast();
    } else if (event.key === "Enter" && !event.shiftKey && hasKeys()) {
      event.preventDefault();
      this.#form.requestSubmit();
    }
  }

  #offer() {
    if (!this.#replies) return;
    const [, start] = /^\/([^\s]*)$/.exec(this.#input.value) ?? [];
    for (const item of this.#replies.children) {
      item.hidden = start === undefined || !item.firstElementChild.dataset.shortcut.includes(start.toLowerCase());
    }
    const offered = [...this.#replies.children].filter((item) => !item.hidden);
    this.#replies.hidden = !offered.length;
    this.#point(offered, 0);
  }

  #offered() {
    return !this.#replies || this.#replies.hidden ? [] : [...this.#replies.children].filter((item) => !item.hidden);
  }

  #point(offered, index) {
    offered.forEach((item, number) => { item.ariaCurrent = number === index ? "true" : null; });
    offered[index]?.scrollIntoView({ block: "nearest" });
  }

  #choose(button) {
    if (!button) return;
    this.#put(button.querySelector("[dir]").textContent);
    this.#input.focus();
  }

  #grow() {
    if (attempt(() => CSS.supports("field-sizing", "content"))) return;
    this.#input.style.height = "auto";
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`;
  }
}
