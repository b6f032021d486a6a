// The live view: asks for new samples every few seconds and shows an hour of them.

import { request, Refused } from "./api.js";
import { Chart } from "./charts.js";
import { byId, element, setText, table } from "./dom.js";
import { clock, duration, gibibytes, number, percent, seconds } from "./format.js";

const RETRY_SECONDS = 5;
const MINUTE_SECONDS = 60;
const GIB = 2 ** 30;
const LEVEL_WORDS = { good: "good", idle: "no requests", warning: "watch", bad: "bad" };

let hour = emptyHour();
let charts = null;
let workerCharts = null;
let workerChartsOf = ""; // the names of their workers
let timer = null;
let running = 0; // grows whenever the view starts or stops: responses to earlier requests are ignored
let reachedAt = null;

function emptyHour() {
  return { instance: null, begunAt: Date.now() / 1000, samples: {}, workers: {} };
}

export function startLive(session) {
  stopLive();
  const until = clock(session.expires_at);
  setText(byId("foot"), `Samples of 5 seconds, kept for an hour. You are signed in until ${until}.`);
  poll(running);
}

export function stopLive() {
  running += 1;
  clearTimeout(timer);
}

export function redrawLive() {
  for (const chart of [...(charts ? Object.values(charts) : []), ...(workerCharts ? Object.values(workerCharts) : [])]) {
    chart.redraw();
  }
}

async function poll(mine) {
  let wait = RETRY_SECONDS;
  try {
    const after = hour.samples.at?.at(-1) ?? 0;
    const document = await request("GET", `/data?after=${after}`);
    if (mine !== running) return;
    reachedAt = Date.now() / 1000;
    wait = document.sample_seconds;
    if (document.instance !== hour.instance && hour.instance !== null) {
      // The process restarted: request all of its samples. Not at once, in case several processes take turns.
      wait = reachedAt - hour.begunAt > MINUTE_SECONDS ? 0 : wait;
      hour = emptyHour();
    }
    if (wait > 0) {
      append(document);
      render(document);
    }
  } catch (error) {
    if (mine !== running || (error instanceof Refused && error.status === 401)) return;
    const since = reachedAt === null ? "" : ` since ${clock(reachedAt, true)}`;
    showStatus({ level: "bad", title: "No connection", sentence: `This page has not reached the gateway${since}. It keeps trying.` });
  }
  timer = setTimeout(() => poll(mine), wait * 1000);
}

function append(document) {
  hour.instance = document.instance;
  const known = hour.samples.at?.length ?? 0;
  const keep = (before, fresh) => [...(before ?? Array(known).fill(null)), ...fresh].slice(-document.max_samples);
  for (const [name, values] of Object.entries(document.worker_samples)) {
    hour.workers[name] = Object.fromEntries(
      Object.entries(values).map(([key, fresh]) => [key, keep(hour.workers[name]?.[key], fresh)]));
  }
  hour.samples = Object.fromEntries(
    Object.entries(document.samples).map(([key, fresh]) => [key, keep(hour.samples[key], fresh)]));
}

function render(document) {
  showStatus(document.status);
  renderTiles(document.measures);
  renderGateways(document.gateways, document.are_others_known);
  byId("workers").replaceChildren(...document.workers.map(workerCard));
  setText(byId("media"), mediaLine(document.media));
  renderCharts(document.workers);
  renderSlowest(document.slowest_users);
  renderRefusals(document.refusals);
}

function showStatus({ level, title, sentence }) {
  byId("status").dataset.level = level;
  setText(byId("status-title"), title);
  setText(byId("status-sentence"), sentence);
  globalThis.document.title = `${title} – AutoGLM Gateway`;
}

function renderGateways(gateways, areOthersKnown) {
  byId("gateways-panel").hidden = gateways.length < 2 && areOthersKnown;
  byId("gateways-note").hidden = areOthersKnown;
  const words = { ready: "serving", degraded: "degraded", unavailable: "down", missing: "missing" };
  byId("gateways").replaceChildren(table("Gateways", [
    { label: "Gateway", cell: (gateway) => (gateway.is_this ? `${gateway.name} (shows this page)` : gateway.name) },
    { label: "State", cell: (gateway) => element("span", { className: "gateway-state", data: { state: gateway.state } },
      gateway.state === "missing" ? `missing for ${duration(gateway.seconds_ago)}` : words[gateway.state]) },
    { label: "Requests in 5 minutes", numeric: true, cell: (gateway) => number(gateway.requests) },
    { label: "First token", numeric: true, cell: (gateway) => seconds(gateway.ttft_p95) },
    { label: "Running", numeric: true, cell: (gateway) => number(gateway.running) },
    { label: "Waiting", numeric: true, cell: (gateway) => number(gateway.waiting) },
  ], gateways, ""));
}

function renderTiles(measures) {
  const queueLevel = measures.running + measures.waiting === 0 ? "idle"
    : measures.running + measures.waiting >= measures.max_in_flight ? "bad"
    : measures.waiting > measures.running ? "warning" : "good";
  byId("tiles").replaceChildren(
    tile("First token", seconds(measures.ttft_p95), `95 of 100 within; median ${seconds(measures.ttft_median)}`, measures.ttft_level),
    tile("Tokens per second", number(measures.tokens_per_second_each), "median response", measures.tokens_per_second_level),
    tile("Success", percent(measures.success_rate), `of ${number(measures.requests)} request${measures.requests === 1 ? "" : "s"} in 5 minutes`, measures.success_level),
    tile("Queue", `${measures.waiting}`, `waiting; ${measures.running} running; room for ${measures.max_in_flight}`, queueLevel,
      { idle: "empty", good: "good", warning: "long", bad: "full" }));
}

function tile(title, value, explanation, level, words = LEVEL_WORDS) {
  return element("section", { className: "tile panel", data: { level } },
    element("h2", {}, title),
    element("p", { className: "reading" }, element("span", { className: "value" }, value),
      element("span", { className: "level" }, words[level])),
    element("p", { className: "hint" }, explanation));
}

function mediaLine(media) {
  const layers = Object.entries(media.sandbox);
  const held = layers.filter(([, holds]) => holds).map(([layer]) => layer);
  const missing = layers.filter(([, holds]) => !holds).map(([layer]) => layer);
  const without = missing.length ? `, without ${missing.join(" and ")}` : "";
  return `Media: ${media.running} being decoded, ${media.waiting} waiting; sandbox of ${held.join(", ") || "nothing"}${without}.`;
}

function workerCard(worker) {
  const state = worker.is_healthy ? "serving" : "down";
  const isMeasured = worker.utilization !== undefined && worker.utilization !== null;
  const busy = isMeasured ? `; the GPU is ${percent(worker.utilization)} busy` : "";
  const meters = [meter("KV cache", worker.kv_used, worker.kv_total, percent(worker.kv_total ? worker.kv_used / worker.kv_total : null))];
  if (worker.memory_total_bytes) {
    const text = `${gibibytes(worker.memory_used_bytes / GIB)} of ${gibibytes(worker.memory_total_bytes / GIB)}`;
    meters.push(meter("GPU memory", worker.memory_used_bytes, worker.memory_total_bytes, text));
  }
  return element("section", { className: "panel worker", data: { level: worker.is_healthy ? "good" : "bad" } },
    element("h2", {}, `Worker ${worker.worker} `, element("small", {}, worker.device),
      element("span", { className: "level" }, state)),
    element("p", { className: "hint" }, `${worker.running} running, ${worker.waiting} waiting${busy}`),
    ...meters);
}

function meter(label, used, total, text) {
  const share = total ? Math.min(1, used / total) : 0;
  const bar = element("span", { className: "filled" });
  bar.style.setProperty("width", `${share * 100}%`);
  const scale = element("span", {
    className: "meter", role: "meter",
    aria: { label, valuemin: "0", valuemax: "100", valuenow: String(Math.round(share * 100)), valuetext: text },
  }, bar);
  return element("div", { className: "measure" }, element("span", {}, label), element("b", {}, text), scale);
}

function renderCharts(workers) {
  if (charts === null) {
    charts = {
      requests: new Chart("Requests per second", [
        { label: "succeeded", colour: "line-1", isFilled: true }, { label: "refused", colour: "line-2" },
        { label: "failed", colour: "line-3" }], number),
      ttft: new Chart("Time to first token", [
        { label: "median", colour: "line-1", isFilled: true }, { label: "95 of 100", colour: "line-4" }], seconds, { leastTop: 0.1 }),
      tokens: new Chart("Tokens per second", [{ label: "all responses", colour: "line-5", isFilled: true }], number),
      each: new Chart("Tokens per second of one response", [{ label: "median", colour: "line-5", isFilled: true }], number),
      queue: new Chart("Queue", [
        { label: "running", colour: "line-1", isFilled: true }, { label: "waiting", colour: "line-2" }], number),
    };
    byId("charts").append(...Object.values(charts).map((chart) => chart.node));
  }
  renderWorkerCharts(workers);
  const { at, ...columns } = hour.samples;
  charts.requests.update(at, [columns.ok, columns.refused, columns.failed]);
  charts.ttft.update(at, [columns.ttft_median, columns.ttft_p95]);
  charts.tokens.update(at, [columns.tokens_per_second]);
  charts.each.update(at, [columns.tokens_per_second_each]);
  charts.queue.update(at, [columns.running, columns.waiting]);
}

function renderWorkerCharts(workers) {
  const names = workers.map((worker) => worker.worker);
  if (workerCharts !== null && workerChartsOf !== names.join()) {
    for (const chart of Object.values(workerCharts)) chart.node.remove();
    workerCharts = null; // a gateway came or went
  }
  if (workerCharts === null) {
    workerChartsOf = names.join();
    const lines = workers.map((worker, index) => (
      { label: names.length === new Set(workers.map(({ device }) => device)).size ? worker.device : `${worker.worker} ${worker.device}`, colour: `line-${(index % 6) + 1}`, isFilled: workers.length === 1 }));
    workerCharts = { kv: new Chart("KV cache in use", lines, percent, { leastTop: 0.05 }) };
    if (workers.some((worker) => worker.memory_total_bytes)) {
      const leastTop = Math.max(...workers.map((worker) => worker.memory_total_bytes ?? 0)) / GIB;
      workerCharts.memory = new Chart("GPU memory in use", lines, gibibytes, { leastTop });
    }
    if (workers.some((worker) => worker.utilization !== undefined && worker.utilization !== null)) {
      workerCharts.utilization = new Chart("GPU busy", lines, percent);
    }
    byId("charts").append(...Object.values(workerCharts).map((chart) => chart.node));
  }
  for (const [key, chart] of Object.entries(workerCharts)) {
    const unit = key === "memory" ? GIB : 1;
    chart.update(hour.samples.at, names.map((name) => (
      hour.workers[name][key].map((value) => (value === null ? null : value / unit)))));
  }
}

function renderSlowest(users) {
  byId("slowest").replaceChildren(table("Slowest users of the last hour", [
    { label: "User", cell: (user) => user.name || user.user_id },
    { label: "First token", numeric: true, cell: (user) => seconds(user.ttft_p95) },
    { label: "Median", numeric: true, cell: (user) => seconds(user.ttft_median) },
    { label: "Tokens/s", numeric: true, cell: (user) => number(user.tokens_per_second_each) },
    { label: "Requests", numeric: true, cell: (user) => number(user.requests) },
    { label: "Failed", numeric: true, cell: (user) => number(user.failed) },
    { label: "Refused", numeric: true, cell: (user) => number(user.refused) },
  ], users, "No requests in the last hour."));
}

function renderRefusals(refusals) {
  const most = Math.max(1, ...refusals.map((refusal) => refusal.count));
  byId("refusals").replaceChildren(table("Refusals of the last hour by reason", [
    { label: "Reason", cell: (refusal) => [element("code", {}, refusal.code), element("span", { className: "hint" }, refusal.sentence)] },
    { label: "Count", numeric: true, cell: (refusal) => [number(refusal.count), share(refusal.count / most)] },
  ], refusals, "Nothing was refused in the last hour."));
}

function share(part) {
  const bar = element("span", { className: "share", aria: { hidden: "true" } });
  bar.style.setProperty("width", `${Math.max(2, part * 100)}%`);
  return element("span", { className: "shares" }, bar);
}
