// Polling, freshness, relative times, and the verdict in the title and the favicon.
// The page's #live element carries what the server last said; a poll morphs it or answers 204. A page without it,
// such as a form, asks for the verdict alone.

const POLL_MS = 3000;
const HIDDEN_POLL_MS = 10000;
const VERDICT_POLL_MS = 15000;
const SLOWEST_POLL_MS = 60000;

const root = () => document.getElementById("live");
const freshness = document.getElementById("freshness");
const lost = document.getElementById("lost");
const said = (root() ?? document.body).dataset.headline;
const baseTitle = said ? document.title.replace(`${said} · `, "") : document.title;

let failures = 0;
let answeredAt = Date.now();
let timer = 0;
let retryAt = 0;
let inFlight = false;
let askAgain = false;
let generation = 0;
let clockOffset = root() ? Number(root().dataset.now) - Date.now() : 0;
let lastResult = root() ? Number(root().dataset.lastResult) || 0 : 0;

const now = () => Date.now() + clockOffset;

// The same words as the server writes: see core/templatetags/display.py.
function durationWords(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

function tickWords(form, seconds) {
  if (form === "until") return seconds < 0 ? `in ${durationWords(-seconds)}` : "now";
  return form === "ago" ? `${durationWords(seconds)} ago` : durationWords(seconds);
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function tickTimes() {
  for (const time of document.querySelectorAll("time[data-ms]")) {
    const ms = Number(time.dataset.ms);
    if (time.dataset.form !== "at") setText(time, tickWords(time.dataset.form, (now() - ms) / 1000));
    if (!time.dataset.local) {
      time.dataset.local = "1";
      time.title += ` · ${new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })}`;
    }
  }
}

// A screen that nobody touches must not pass off what it showed last as the present.
function tickLost() {
  if (!lost) return;
  setText(lost.querySelector("[data-part=age]"), durationWords((Date.now() - answeredAt) / 1000));
  lost.hidden = failures < 2;
}

function tickFreshness() {
  const live = root();
  if (!freshness || !live) return;
  const word = freshness.querySelector("[data-part=word]");
  const detail = freshness.querySelector("[data-part=detail]");
  const age = lastResult ? `${durationWords((now() - lastResult) / 1000)} ago` : "no result yet";
  if (failures) {
    freshness.dataset.state = "stale";
    setText(word, "Not updating, ");
    setText(detail, `retry in ${Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s`);
  } else if (live.dataset.blind) {
    freshness.dataset.state = "stale";
    setText(word, "Blind, last result ");
    setText(detail, age);
  } else {
    freshness.dataset.state = "live";
    setText(word, "Live, ");
    setText(detail, age);
  }
}

function showVerdict({ verdict, headline }) {
  if (headline !== undefined) document.title = headline ? `${headline} · ${baseTitle}` : baseTitle;
  const icon = document.querySelector("link[rel=icon]");
  const wanted = icon?.dataset[verdict ?? "unknown"];
  if (wanted && icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

function schedule(delay) {
  clearTimeout(timer);
  retryAt = Date.now() + delay;
  timer = setTimeout(poll, delay);
}

function nextDelay() {
  if (failures) return Math.min(POLL_MS * 2 ** failures, SLOWEST_POLL_MS);
  return document.hidden ? HIDDEN_POLL_MS : POLL_MS;
}

function poll() {
  const live = root();
  if (!live?.hasAttribute("hx-get")) return;
  if (inFlight) {
    askAgain = true;
    return;
  }
  live.dispatchEvent(new CustomEvent("poll"));
}

const isPoll = (ctx) => ctx.sourceElement?.id === "live";
const targetsLive = (ctx) => ctx.target?.id === "live";

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (isPoll(ctx)) {
    inFlight = true;
    ctx.generation = generation;
  } else if (targetsLive(ctx)) {
    generation += 1;
    ctx.generation = generation;
  }
});

// An answer to a question that is no longer asked (a poll with older filters) is dropped.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (targetsLive(ctx) && ctx.generation !== generation) event.preventDefault();
});

document.addEventListener("htmx:before:response", ({ detail: { ctx } }) => {
  const { headers } = ctx.response;
  if (headers.has("Quarterdeck-Now")) clockOffset = Number(headers.get("Quarterdeck-Now")) - Date.now();
  if (headers.has("Quarterdeck-Last-Result")) lastResult = Number(headers.get("Quarterdeck-Last-Result"));
});

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (!isPoll(ctx)) return;
  inFlight = false;
  const answered = ctx.response && ctx.response.status < 400;
  failures = answered ? 0 : failures + 1;
  if (answered) answeredAt = Date.now();
  schedule(askAgain ? 0 : nextDelay());
  askAgain = false;
  tickFreshness();
  tickLost();
});

document.addEventListener("htmx:after:swap", () => {
  tickTimes();
  tickFreshness();
  if (root()) showVerdict(root().dataset);
});

document.addEventListener("acted", () => schedule(0));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) schedule(0);
});
addEventListener("online", () => schedule(0));

setInterval(() => {
  tickTimes();
  tickFreshness();
  tickLost();
}, 1000);
tickTimes();
tickFreshness();

async function pollVerdict() {
  try {
    const response = await fetch(document.body.dataset.verdictUrl, { signal: AbortSignal.timeout(8000) });
    if (response.ok) showVerdict(await response.json());
  } catch {
    // The next one may get through; a form is not about what is live.
  }
}

if (root()) {
  showVerdict(root().dataset);
  schedule(nextDelay());
} else if (document.body.dataset.verdictUrl) {
  setInterval(pollVerdict, VERDICT_POLL_MS);
}
