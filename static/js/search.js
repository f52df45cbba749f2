// The search of the top bar: a panel of links below its field, filled by htmx while somebody types.
// Keys: "/" goes to the field; the arrows move through what was found, Enter opens it, Escape closes and gives the
// focus back. Without this script the field opens the page of results.

const field = document.getElementById("search");
const form = document.getElementById("search-form");
const panel = document.getElementById("search-panel");
const found = document.getElementById("search-found");
const said = document.getElementById("search-said");

let cameFrom = null;

const part = (name) => panel.querySelector(`[data-part=${name}]`);
const links = () => [...found.querySelectorAll("a")];
const holdsFocus = () => form.contains(document.activeElement);

function show(state) {
  part("busy").hidden = state !== "busy";
  part("failed").hidden = state !== "failed";
  found.hidden = state !== "found";
  panel.hidden = state === "closed";
}

function forget() {
  found.replaceChildren();
  said.textContent = "";
  show("closed");
}

function close() {
  show("closed");
  said.textContent = "";
}

function reopen() {
  if (panel.hidden && field.value.trim() && found.firstElementChild) show("found");
}

function leave() {
  close();
  const back = cameFrom;
  cameFrom = null;
  if (back?.isConnected && back !== document.body) back.focus();
  else document.activeElement.blur();
}

function moveTo(place) {
  const all = links();
  const next = place < 0 ? field : all[Math.min(place, all.length - 1)];
  next?.focus({ preventScroll: true });
  if (next !== field) next?.scrollIntoView({ block: "nearest" });
}

function enter() {
  if (!holdsFocus()) cameFrom = document.activeElement;
  field.focus();
  field.select();
  reopen();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")) return;
  event.preventDefault();
  enter();
});

form?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = links().indexOf(document.activeElement);
  const inField = event.target === field;
  if (event.key === "Escape") {
    leave();
  } else if (event.key === "ArrowDown") {
    reopen();
    moveTo(at + 1);
  } else if (event.key === "ArrowUp" && !inField) {
    moveTo(at - 1);
  } else if (at >= 0 && (event.key === "Home" || event.key === "End")) {
    moveTo(event.key === "Home" ? 0 : links().length - 1);
  } else if (at >= 0 && (event.key.length === 1 || event.key === "Backspace") && event.key !== " ") {
    field.focus(); // what is typed goes on there, at its end
    field.setSelectionRange(field.value.length, field.value.length);
    event.stopPropagation();
    return;
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
});

field?.addEventListener("focus", (event) => {
  if (event.relatedTarget && !form.contains(event.relatedTarget)) cameFrom = event.relatedTarget;
});
field?.addEventListener("click", reopen);

field?.addEventListener("input", () => {
  if (!field.value.trim()) forget();
  else if (panel.hidden || !found.firstElementChild) show("busy");
});

document.addEventListener("focusin", () => {
  if (!panel?.hidden && !holdsFocus()) close();
});
document.addEventListener("pointerdown", (event) => {
  if (!panel?.hidden && !form.contains(event.target)) close();
});

const ask = () => field.dispatchEvent(new CustomEvent("again"));

part("again")?.addEventListener("click", () => {
  show("busy");
  field.focus();
  ask();
});
// What was typed before htmx listened was not heard.
document.addEventListener("htmx:after:process", ({ target }) => {
  if (target === document.body && field && holdsFocus() && field.value !== field.defaultValue) ask();
});

function fail() {
  if (panel.hidden) return;
  show("failed");
  said.textContent = "The search does not answer";
}

// An answer that comes when the field is empty again, or the panel was closed, is dropped.
field?.addEventListener("htmx:before:swap", (event) => {
  if (!field.value.trim() || panel.hidden) event.preventDefault();
});
field?.addEventListener("htmx:after:swap", () => {
  if (!found.firstElementChild) return;
  if (document.activeElement === document.body) field.focus(); // the link that had the focus is gone
  show("found");
  said.textContent = found.firstElementChild.dataset.said;
});
field?.addEventListener("htmx:response:error", fail);
field?.addEventListener("htmx:error", fail);
