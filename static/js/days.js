// The bars of 90 days: the mouse, a finger or the arrow keys choose a day, and the line below tells it.

const DAY_MS = 86400000;
const date = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

let chosen = null; // { id, at }: what a morph must not take away

function tell(bars, at) {
  const texts = bars.dataset.days.split("|");
  const day = Math.min(Math.max(at, 0), texts.length - 1);
  const text = `${date.format(Date.parse(bars.dataset.first) + day * DAY_MS)}: ${texts[day]}`;
  bars.setAttribute("aria-valuenow", day);
  bars.setAttribute("aria-valuetext", text);
  const told = bars.parentElement.querySelector("[data-part=told]");
  told.dataset.summary ??= told.textContent;
  told.textContent = text;
  mark(bars, day);
  chosen = { id: bars.id, at: day };
}

function mark(bars, day) {
  const svg = bars.querySelector("svg");
  const found = svg.querySelector(".days-mark");
  const rect = found ?? document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const height = svg.viewBox.baseVal.height;
  for (const [name, value] of Object.entries({ class: "days-mark", x: day * 8 - 1, y: 0, width: 8, height }))
    rect.setAttribute(name, value);
  if (!found) svg.append(rect);
}

function forget(bars) {
  if (chosen?.id !== bars.id) return;
  chosen = null;
  bars.querySelector(".days-mark")?.remove();
  const told = bars.parentElement.querySelector("[data-part=told]");
  told.textContent = told.dataset.summary ?? told.textContent;
}

const barsOf = (event) => event.target.closest?.(".days-bars");

function dayUnder(bars, event) {
  const { left, width } = bars.getBoundingClientRect();
  return Math.floor(((event.clientX - left) / width) * bars.dataset.days.split("|").length);
}

for (const name of ["pointermove", "pointerdown"])
  document.addEventListener(name, (event) => {
    const bars = barsOf(event);
    if (bars) tell(bars, dayUnder(bars, event));
  });

document.addEventListener("pointerout", (event) => {
  const bars = barsOf(event);
  if (bars && !bars.contains(event.relatedTarget) && document.activeElement !== bars) forget(bars);
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches(".days-bars")) tell(event.target, Number(event.target.getAttribute("aria-valuenow")));
});

document.addEventListener("focusout", (event) => {
  if (event.target.matches(".days-bars")) forget(event.target);
});

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: -7, PageDown: 7, Home: -90, End: 90 };

document.addEventListener(
  "keydown",
  (event) => {
    if (!event.target.matches(".days-bars") || !(event.key in STEPS)) return;
    event.preventDefault();
    tell(event.target, Number(event.target.getAttribute("aria-valuenow")) + STEPS[event.key]);
  },
  true,
);

document.addEventListener("htmx:after:swap", () => {
  const bars = chosen && document.getElementById(chosen.id);
  if (bars) tell(bars, chosen.at);
});
