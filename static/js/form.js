// Forms: errors reach the control they are about, hints are inserted at the caret, a stored secret is replaced whole.

function markInvalid(note) {
  const control = document.getElementById(note.dataset.for);
  if (!control) return;
  if (note.querySelector(".field-error")) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

document.addEventListener("htmx:after:swap", () => {
  for (const note of document.querySelectorAll(".field-note[data-for]")) markInvalid(note);
});

document.addEventListener("click", (event) => {
  const hint = event.target.closest("[data-insert]");
  if (!hint) return;
  const area = document.getElementById(hint.dataset.into);
  const before = area.value.slice(0, area.selectionStart);
  const lead = before && !/[\s(,]$/.test(before) ? "\n" : "";
  area.focus();
  area.setRangeText(`${lead}${hint.dataset.insert} `, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("[data-secret]")) event.target.select();
});
