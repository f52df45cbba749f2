// Polling, freshness, relative times, and the verdict in the title and the favicon.
// The page's #live element carries what the server last said; a poll morphs it or answers 204.

const POLL_MS = 3000;
const HIDDEN_POLL_MS = 10000;
const SLOWEST_POLL_MS = 60000;

const root = () => document.getElementById("live");
const freshness = document.getElementById("freshness");
const baseTitle = document.title;

let failures = 0;
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

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function tickTimes() {
  for (const time of document.querySelectorAll("time[data-ms]")) {
    const ms = Number(time.dataset.ms);
    const words = durationWords((now() - ms) / 1000);
    setText(time, time.dataset.form === "ago" ? `${words} ago` : words);
    if (!time.dataset.local) {
      time.dataset.local = "1";
      time.title += ` · ${new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })}`;
    }
  }
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

function showVerdict() {
  const { verdict, headline } = root()?.dataset ?? {};
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
  schedule(askAgain ? 0 : nextDelay());
  askAgain = false;
  tickFreshness();
});

document.addEventListener("htmx:after:swap", () => {
  tickTimes();
  tickFreshness();
  showVerdict();
});

document.addEventListener("acted", () => schedule(0));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) schedule(0);
});
addEventListener("online", () => schedule(0));

setInterval(() => {
  tickTimes();
  tickFreshness();
}, 1000);
tickTimes();
tickFreshness();
showVerdict();
if (root()) schedule(nextDelay());
