// Forms: errors reach the control they are about, hints are inserted at the caret, a picker adds lines to its text, a
// stored secret is replaced whole.

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

const pickers = () => document.querySelectorAll("[data-picks-into]");
const showPickers = () => pickers().forEach((picker) => (picker.hidden = false));
showPickers();
document.addEventListener("htmx:after:swap", showPickers);

function pick(picker) {
  const input = picker.querySelector("input");
  const picked = input.value.trim();
  if (!picked) return;
  const area = document.getElementById(picker.dataset.picksInto);
  const lines = area.value.split("\n").filter((line) => line.trim());
  const isThere = lines.some((line) => line.trim().split(/\s+/)[0] === picked);
  area.value = [...lines, ...(isThere ? [] : [picked])].join("\n");
  area.dispatchEvent(new Event("input", { bubbles: true }));
  picker.querySelector("[role=status]").textContent = isThere ? `${picked} is there already` : `Added ${picked}`;
  input.value = "";
  input.focus();
}

document.addEventListener("keydown", (event) => {
  const picker = event.target.closest?.("[data-picks-into]");
  if (!picker || event.key !== "Enter" || event.target.tagName !== "INPUT") return;
  event.preventDefault();
  pick(picker);
});

document.addEventListener("click", (event) => {
  const picker = event.target.closest("[data-picks-into] button")?.closest("[data-picks-into]");
  if (picker) pick(picker);
});
