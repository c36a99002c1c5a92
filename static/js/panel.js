// What stands beside a conversation, and on a small screen in front of it: there it takes the focus, Escape closes it,
// and who opened it has the focus again. Without scripts it is opened by its address.

const NARROW = "(max-width: 72rem)"; // as in talk.css
let opener = null;

const panel = () => document.getElementById("panel");
const isInFront = () => matchMedia(NARROW).matches && getComputedStyle(panel()).display !== "none";

document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href="#panel"], [data-panel-close]');
  if (!link || !panel()) return;
  if (link.matches("[data-panel-close]")) close(event);
  else open(event, link);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]") && panel() && isInFront()) close(event);
});

function open(event, link) {
  event.preventDefault();
  opener = link;
  panel().classList.add("is-open");
  const field = link.dataset.focus && document.getElementById(link.dataset.focus);
  (field || panel()).focus();
}

function close(event) {
  event.preventDefault();
  panel().classList.remove("is-open");
  if (location.hash === "#panel") location.hash = ""; // opened before the scripts were there
  opener?.focus();
}
