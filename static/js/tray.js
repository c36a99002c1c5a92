// Files that are chosen, dropped or pasted wait here until they are sent, or taken away again.

import { size } from "./format.js";
import { words } from "./live.js";
import { picture } from "./picture.js";

export class Tray {
  #list; #problem; #input; #files = new Map();

  constructor(root, signal) {
    this.#list = root.querySelector("[data-tray]");
    if (!this.#list) return;
    this.#problem = root.querySelector("[data-tray-problem]");
    this.#input = root.querySelector("#file");
    this.#input.multiple = true;
    this.#input.addEventListener("change", () => {
      this.#add(this.#input.files);
      this.#input.value = "";
    });
    root.querySelector("textarea").addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    root.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      root.classList.add("is-dropping");
    }, { signal });
    for (const name of ["dragleave", "drop"]) {
      root.addEventListener(name, (event) => {
        if (name === "drop" || !root.contains(event.relatedTarget)) root.classList.remove("is-dropping");
      }, { signal });
    }
    root.addEventListener("drop", (event) => this.#take(event, event.dataTransfer), { signal });
  }

  // Those that wait; none waits any more.
  empty() {
    const files = [...this.#files.values()];
    this.#files.clear();
    this.#list?.replaceChildren();
    this.#show();
    return files;
  }

  #take(event, carried) {
    if (!carried?.files.length) return;
    event.preventDefault();
    this.#add(carried.files);
  }

  #add(files) {
    const wrong = [...files].map((file) => this.#wrong(file) ?? this.#put(file)).filter(Boolean);
    this.#problem.textContent = wrong.join(" ");
    this.#problem.hidden = !wrong.length;
    this.#show();
  }

  #wrong({ name, size: bytes, type }) {
    const { mostBytes, kinds } = this.#list.dataset;
    const say = (text) => text.replace("{name}", () => name).replace("{size}", size(Number(mostBytes)));
    const endings = [name.split(".").pop(), type.split("/").pop()].map((each) => each.toLowerCase());
    if (!bytes) return say(words.attachment_empty);
    if (bytes > mostBytes) return say(words.attachment_too_large);
    if (kinds !== "*" && !endings.some((each) => kinds.split(",").includes(each))) return say(words.attachment_not_allowed);
    return undefined;
  }

  #put(file) {
    const item = document.getElementById("tray-template").content.firstElementChild.cloneNode(true);
    item.querySelector("[data-tray-name]").textContent = file.name;
    item.querySelector("[data-tray-size]").textContent = size(file.size);
    item.querySelector("[data-tray-remove]").onclick = () => {
      this.#files.delete(item);
      item.remove();
      this.#show();
    };
    this.#files.set(item, { file, picture: picture(file).then((shown) => this.#preview(item, shown)) });
    this.#list.append(item);
  }

  #preview(item, shown) {
    if (!shown) return null;
    const image = item.querySelector("img");
    image.src = shown.url;
    image.hidden = false;
    item.querySelector(".tray-icon").hidden = true;
    return shown;
  }

  #show() { if (this.#list) this.#list.hidden = !this.#files.size; }
}
