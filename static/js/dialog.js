// Dialogs: [data-opens] shows the one of that id, [data-closes] and a finished action close it, and it forgets what was
// typed. [data-empties] clears a panel. Where a button went with the panel that it was in, the new panel has the focus.

document.addEventListener("click", ({ target }) => {
  const opener = target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  if (target.closest("[data-closes]")) target.closest("dialog").close();
  const emptier = target.closest("[data-empties]");
  if (emptier) document.getElementById(emptier.dataset.empties)?.replaceChildren();
});

document.addEventListener("acted", () => document.querySelector("dialog[open]")?.close());

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => {
    dialog.querySelector("form")?.reset();
    dialog.querySelector("[role=alert]")?.replaceChildren();
  });
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.target?.id === "messages" && document.activeElement === document.body)
    document.getElementById("messages-title")?.focus();
});
