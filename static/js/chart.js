// Charts over time. A [data-chart] names the address of its data; a new address, as a poll brings it, is fetched anew.
// The shape of the data is told in ops/dashboard/charts.py.

const drawn = new WeakMap(); // box -> { url, data, plot }
const { fontFamily } = getComputedStyle(document.body);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function latencyWords(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function durationWords(seconds) {
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"]].find(([least]) => seconds >= 2 * least) ?? [1, "s"];
  return `${Number((seconds / size).toFixed(1))} ${unit}`;
}

const countWords = (count) => Number(count.toFixed(1)).toLocaleString("en");
// Steps of the axis that read well in the unit; none: those that uPlot takes.
const STEPS = {
  s: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000],
  messages: Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat(),
};
const UNITS = { ms: latencyWords, s: durationWords, messages: countWords };
const words = (data, value) => (value === null || value === undefined ? "–" : UNITS[data.unit](value));

const highest = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

function say(box, state, text) {
  const line = box.querySelector(".chart-state");
  line.hidden = state === "ready";
  line.querySelector("[data-part=text]").textContent = text;
  line.querySelector("button").hidden = state !== "error";
}

// Limits as dashed lines with their words, and a mark at the foot wherever something went wrong.
function drawMarks(plot, data) {
  const { ctx, bbox } = plot;
  const dpr = devicePixelRatio;
  ctx.save();
  for (const limit of data.limits) {
    const y = Math.round(plot.valToPos(limit.value, "y", true)) + 0.5;
    ctx.strokeStyle = ctx.fillStyle = colour(`--${limit.tone}`);
    ctx.lineWidth = dpr;
    ctx.setLineDash([5 * dpr, 4 * dpr]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${12 * dpr}px ${fontFamily}`;
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    // A rim in the colour of the ground, so that the words can be read over a line.
    ctx.strokeStyle = colour("--surface");
    ctx.lineWidth = 4 * dpr;
    ctx.lineJoin = "round";
    ctx.setLineDash([]);
    for (const write of ["strokeText", "fillText"]) ctx[write](limit.words, bbox.left + bbox.width - 4 * dpr, y - 3 * dpr);
  }
  ctx.fillStyle = colour("--unhealthy");
  const foot = bbox.top + bbox.height;
  data.marks?.counts.forEach((count, at) => {
    if (!count) return;
    const x = plot.valToPos(data.start_ms[at] / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.beginPath();
    ctx.moveTo(x - 4 * dpr, foot);
    ctx.lineTo(x + 4 * dpr, foot);
    ctx.lineTo(x, foot - 8 * dpr);
    ctx.fill();
  });
  ctx.restore();
}

function axis(extra) {
  return {
    stroke: colour("--text-3"),
    font: `12px ${fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    ...extra,
  };
}

const CLOCK = [
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
];

function zoom(box, plot) {
  const { left, width } = plot.select;
  if (width < 8) return;
  const form = document.getElementById(box.dataset.zoom);
  form.elements.from.value = Math.round(plot.posToVal(left, "x") * 1000);
  form.elements.to.value = Math.round(plot.posToVal(left + width, "x") * 1000);
  form.requestSubmit();
}

// One line is drawn over its tinted foot; of two the room between them is tinted.
function drawnSeries(data) {
  const accent = colour("--accent");
  const value = (_plot, raw) => words(data, raw);
  const known = data.lines[0].values.filter((each) => each != null).length;
  const alone = known > 0 && known < 3; // a line needs two points to be seen
  const main = { label: data.lines[0].name, stroke: accent, width: 1.75, points: { show: alone, size: 4, fill: accent }, value };
  if (data.lines.length === 1) return [{ ...main, fill: colour("--accent-soft") }];
  return [main, { label: data.lines[1].name, stroke: colour("--accent-band"), width: 1, value }];
}

function draw(box) {
  const state = drawn.get(box);
  const { data } = state;
  const canvas = box.querySelector(".chart-canvas");
  state.plot?.destroy();
  const columns = data.lines.map((line) => line.values);
  const top = Math.max(...columns.map(highest), ...data.limits.map((limit) => limit.value)) * 1.12 || 1;
  const series = [{ value: "{D} {MMM} {HH}:{mm}:{ss}" }, ...drawnSeries(data)];
  if (data.marks) {
    series.push({ label: data.marks.name, scale: "count", stroke: colour("--unhealthy"), paths: () => null, points: { show: false } });
    columns.push(data.marks.counts);
  }
  const options = {
    width: canvas.clientWidth,
    height: canvas.clientHeight,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"), // as every moment on a page
    padding: [8, 24, 0, 0],
    scales: { x: { time: true, range: () => [data.from_ms / 1000, data.to_ms / 1000] }, y: { range: () => [0, top] } },
    axes: [
      axis({ values: CLOCK, space: 72, size: 42 }),
      axis({ values: (_plot, splits) => splits.map((value) => (value ? words(data, value) : "0")), size: 64, space: 36, ...(STEPS[data.unit] && { incrs: STEPS[data.unit] }) }),
    ],
    series,
    bands: data.lines.length > 1 ? [{ series: [2, 1], fill: colour("--accent-soft") }] : [],
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
    legend: { live: true, markers: { width: 0, fill: (plot, at) => plot.series[at].stroke(plot, at) } },
    hooks: { draw: [(plot) => drawMarks(plot, data)], setSelect: [(plot) => zoom(box, plot)] },
  };
  state.plot = new uPlot(options, [data.start_ms.map((ms) => ms / 1000), ...columns], canvas);
  // What the drawing says in words stands in the caption.
  canvas.querySelector("canvas").setAttribute("aria-hidden", "true");
}

async function load(box, { again = false } = {}) {
  const url = box.dataset.url;
  const known = drawn.get(box);
  if (!again && known?.url === url) return;
  const state = { url, data: known?.data, plot: known?.plot };
  drawn.set(box, state);
  if (!state.data) say(box, "loading", "Loading…");
  let data;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(8000) });
    if (!response.ok) throw new Error(String(response.status));
    data = await response.json();
  } catch {
    // With an older drawing at hand the freshness of the page says what is wrong.
    if (!state.data && drawn.get(box) === state) say(box, "error", "The chart could not be loaded.");
    return;
  }
  if (drawn.get(box) !== state) return;
  state.data = data;
  const caption = document.getElementById(box.dataset.caption);
  if (!data.marks?.counts.some(Boolean) && data.lines[0].values.every((value) => value === null)) {
    state.plot?.destroy();
    state.plot = undefined;
    state.data = undefined;
    caption.textContent = "";
    say(box, "empty", data.empty);
    return;
  }
  say(box, "ready", "");
  draw(box);
  caption.textContent = data.summary;
}

const boxes = () => document.querySelectorAll("[data-chart]");

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = drawn.get(target.closest("[data-chart]"))?.plot;
    if (plot && plot.width !== target.clientWidth && target.clientWidth)
      plot.setSize({ width: target.clientWidth, height: target.clientHeight });
  }
});

function start() {
  for (const box of boxes()) {
    load(box);
    sizes.observe(box.querySelector(".chart-canvas"));
  }
}

function redraw() {
  for (const box of boxes()) if (drawn.get(box)?.plot) draw(box);
}

document.addEventListener("click", (event) => {
  const retry = event.target.closest(".chart-state button");
  if (retry) load(retry.closest("[data-chart]"), { again: true });
});
document.addEventListener("dblclick", (event) => {
  if (event.target.closest("[data-chart]")) document.getElementById("range-reset")?.click();
});
document.addEventListener("htmx:after:swap", start);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
start();
