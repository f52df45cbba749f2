// The frame: theme choice, account menu, moving through rows, toasts. The search of the top bar is in search.js.
// Keys: "f" filters the list, j and k or the arrows move through rows, Enter opens, Escape closes.

const THEMES = ["auto", "light", "dark"];
const root = document.documentElement;
const themeButton = document.getElementById("theme");

function showTheme(choice) {
  if (!themeButton) return;
  themeButton.dataset.choice = choice;
  themeButton.setAttribute("aria-label", `Theme: ${choice}`);
  themeButton.title = `Theme: ${choice}`;
}

themeButton?.addEventListener("click", () => {
  const choice = THEMES[(THEMES.indexOf(themeButton.dataset.choice) + 1) % THEMES.length];
  if (choice === "auto") delete root.dataset.theme;
  else root.dataset.theme = choice;
  try {
    localStorage.setItem("quarterdeck-theme", choice);
  } catch {
    // Without storage the choice holds for this page.
  }
  showTheme(choice);
});
showTheme(root.dataset.theme ?? "auto");

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  const row = event.target.closest("[data-row]");
  if (!row || event.target.closest("a, button, input, select, label, summary")) return;
  if (String(getSelection())) return;
  row.querySelector("a")?.click();
});

function isTyping(element) {
  return element.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
}

function moveRow(step) {
  const links = [...document.querySelectorAll("[data-row]")].map((row) => row.querySelector("a")).filter((link) => link?.checkVisibility());
  if (!links.length) return false;
  const at = links.findIndex((link) => link.closest("[data-row]").contains(document.activeElement));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1)];
  next.focus({ preventScroll: true });
  next.closest("[data-row]").scrollIntoView({ block: "nearest" });
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const typing = isTyping(event.target);
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    closeMenus();
    menu?.querySelector("summary").focus();
    if (event.target.id === "filter-q") event.target.blur();
  } else if (event.key === "f" && !typing && document.getElementById("filter-q")) {
    event.preventDefault();
    document.getElementById("filter-q").select();
  } else if (!typing && (event.key === "j" || event.key === "k")) {
    moveRow(event.key === "j" ? 1 : -1);
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.closest("[data-row]")) {
    if (moveRow(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  } else if (event.key === "ArrowDown" && event.target.id === "filter-q") {
    if (moveRow(1)) event.preventDefault();
  }
});

// A toast says what an action did; it is read out, and leaves by itself.
const toasts = document.getElementById("toasts");

function expire(toast) {
  setTimeout(() => toast.remove(), 6000);
}

// A form in a menu has done its work: the menu closes, and the focus stays at its button.
document.addEventListener("acted", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (!menu) return;
  event.target.closest("form")?.reset();
  menu.open = false;
  menu.querySelector("summary").focus();
});

document.addEventListener("acted", (event) => {
  if (!toasts || !event.detail?.message) return;
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = event.detail.message;
  toasts.replaceChildren(toast);
  expire(toast);
});

if (toasts) {
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) expire(node);
  }).observe(toasts, { childList: true });
}

// A field that is there to be copied.
document.addEventListener("click", async (event) => {
  const field = document.getElementById(event.target.closest("[data-copy]")?.dataset.copy ?? "");
  if (!field) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // the only way where the page did not come over TLS
  }
  document.dispatchEvent(new CustomEvent("acted", { detail: { message: "Copied" } }));
});

// A filter control outside of its form sends it on change; what is empty stays out of the address.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.id === "filter" && event.target.id !== "filter-q") form.requestSubmit();
});

document.addEventListener("htmx:config:request", (event) => {
  const { request, sourceElement } = event.detail.ctx;
  if (sourceElement.id !== "filter") return;
  for (const [name, value] of [...request.body]) if (value === "") request.body.delete(name);
});

// Team, environment and label stay while moving between pages.
const KEPT = ["team", "environment", "label"];

document.addEventListener("htmx:after:history:push", () => {
  const here = new URLSearchParams(location.search);
  for (const link of document.querySelectorAll("a[data-keep-filters]")) {
    const url = new URL(link.href);
    for (const name of KEPT) {
      url.searchParams.delete(name);
      if (here.has(name)) url.searchParams.set(name, here.get(name));
    }
    link.href = url.pathname + url.search;
  }
});
