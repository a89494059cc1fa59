// The page: reads the form, draws a row per order, the totals and the verdict.

import { Run, fetchJson } from "./run.js";
import { STEPS, UNHAPPY, percentile, verdictOf } from "./verdict.js";

const $ = (id) => document.getElementById(id);
const rows = new Map(); // order → its row's cells
const touched = new Set(); // orders whose row is out of date
let run = null;
let drawing = false;
let endedAt = null;

// ---- Pairs -----------------------------------------------------------------

/** The pairs that some enabled pool trades, each once, in the order of their names. */
function pairsOf(venues) {
  const pairs = new Map();
  for (const { pools } of venues) {
    for (const { tokenA, tokenB } of pools) {
      const [a, b] = [tokenA, tokenB].sort((x, y) => (x.mint < y.mint ? -1 : 1));
      pairs.set(`${a.mint}/${b.mint}`, [tokenA, tokenB]);
    }
  }
  return [...pairs.values()];
}

async function loadPairs() {
  $("problem").hidden = true;
  $("run").disabled = true;
  try {
    const { venues } = await fetchJson("/api/venues");
    showPairs(pairsOf(venues));
  } catch (error) {
    $("pairs").textContent = "unknown";
    if ([401, 403].includes(error.problem?.status)) {
      showProblem("You need a right to trade.", "Log in to the admin as a user of the group trader who has staff status, then try again.");
      return;
    }
    showProblem("The engine does not answer.", `Start it with “make run”, then try again. (${error.message})`);
  }
}

function showPairs(pairs) {
  const chips = pairs.map(([a, b]) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    box.pair = [a, b];
    const text = document.createElement("span");
    text.textContent = `${a.symbol} / ${b.symbol}`;
    label.append(box, text);
    return label;
  });
  $("pairs").replaceChildren(...chips);
  if (pairs.length === 0) {
    $("pairs").textContent = "none";
    showProblem("There is nothing to trade yet.", "Add a pool with “manage.py pools add ADDRESS”, then try again.");
  }
  $("run").disabled = pairs.length === 0;
}

function showProblem(title, detail, { isHalt = false } = {}) {
  $("problem-title").textContent = title;
  $("problem-detail").textContent = detail;
  $("problem-why").hidden = !isHalt;
  $("problem-retry").hidden = isHalt;
  $("problem").hidden = false;
}

const isHalted = (order) => order.isOpen && order.waitingFor?.code === "trading_halted";

/** Say above everything that trading is halted, for as long as orders wait for that. */
function drawHalt() {
  const halted = run.orders.filter(isHalted);
  if (halted.length === 0) {
    if (!$("problem-why").hidden) $("problem-why").hidden = $("problem").hidden = true;
    return;
  }
  const again = halted.find((order) => order.waitingFor.retryAfterSeconds)?.waitingFor.retryAfterSeconds;
  const unsent = again ? `Orders that were not accepted are sent again in about ${again} seconds.` : "";
  showProblem("Trading is halted.", `It goes on when an operator lifts the halt. ${unsent}`, { isHalt: true });
}

// ---- Placing ---------------------------------------------------------------

/** Spread the orders over the chosen pairs, in both directions by turns. */
function requestsOf(pairs, count) {
  return Array.from({ length: count }, (_, index) => {
    const pair = pairs[index % pairs.length];
    const turned = Math.floor(index / pairs.length) % 2 === 1;
    const [tokenIn, tokenOut] = turned ? [pair[1], pair[0]] : pair;
    const request = {
      type: "market",
      tokenIn: tokenIn.mint,
      tokenOut: tokenOut.mint,
      amountIn: $("amount").value,
      slippage: $("slippage").value,
    };
    if ($("price-impact").value) request.maxPriceImpact = $("price-impact").value;
    return { request, symbols: [tokenIn.symbol, tokenOut.symbol] };
  });
}

async function start(event) {
  event.preventDefault();
  const pairs = [...document.querySelectorAll("#pairs input:checked")].map((box) => box.pair);
  if (pairs.length === 0) {
    showProblem("No pair is chosen.", "Choose at least one.");
    return;
  }
  $("problem").hidden = true;
  const wanted = requestsOf(pairs, Number($("count").value));
  const mode = document.querySelector("input[name=mode]:checked").value;
  run = new Run({ requests: wanted.map(({ request }) => request), mode, changed: redraw });
  endedAt = null;
  layOutRows(wanted.map(({ symbols }) => symbols));
  setBusy(true);
  const ticking = setInterval(() => redraw(), 250);
  await run.finish();
  clearInterval(ticking);
  setBusy(false);
  redraw();
}

function setBusy(busy) {
  $("run").disabled = busy;
  $("run").textContent = busy ? "Running…" : "Place again";
  $("drop").disabled = !busy;
}

// ---- Rows ------------------------------------------------------------------

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function layOutRows(symbols) {
  rows.clear();
  const made = run.orders.map((order, index) => {
    const row = element("tr", "order");
    const cells = Object.fromEntries(
      ["number", "id", "swap", "step", "venue", "received", "latency"].map((name) => {
        const cell = element("td", `cell-${name}`);
        for (const node of [row, cell]) node.setAttribute("role", node === row ? "row" : "cell");
        row.append(cell);
        return [name, cell];
      }),
    );
    cells.number.textContent = order.number;
    cells.id.append(element("span", "quiet", "–"));
    cells.swap.textContent = symbols[index].join(" → ");
    const rail = element("ol", "rail");
    const pills = STEPS.map((step) => element("li", "pill", step));
    rail.append(...pills);
    const note = element("span", "note");
    cells.step.append(rail, note);
    rows.set(order, { row, cells, pills, note, symbol: symbols[index][1] });
    return row;
  });
  $("rows").replaceChildren(...made);
  $("empty").hidden = true;
  $("orders").hidden = false;
}

/** Say in words why an order failed or was refused. */
function reasonOf({ code, message, detail, errors = [] }) {
  const fields = errors.map((error) => `${error.field}: ${error.message}`).join(" ");
  return [code, fields || message || detail].filter(Boolean).join(" · ");
}

/** Show a stored order in a window of its own: a link alone would bring no key along. */
async function showStored(event) {
  event.preventDefault();
  const stored = await fetchJson(event.currentTarget.href);
  const shown = new Blob([JSON.stringify(stored, null, 2)], { type: "application/json" });
  window.open(URL.createObjectURL(shown));
}

function drawRow(order) {
  const { row, cells, pills, note, symbol } = rows.get(order);
  const unhappy = UNHAPPY.has(order.status) || order.status === "refused";
  row.dataset.status = order.status;
  pills.forEach((pill, index) => {
    pill.dataset.state = index < order.reached - 1 || order.isConfirmed ? "done" : index === order.reached - 1 ? "now" : "next";
    if (unhappy && pill.dataset.state === "now") pill.dataset.state = "failed";
  });
  const again = order.attempt > 1 ? `attempt ${order.attempt}` : "";
  const reason = isHalted(order) ? "trading is halted" : reasonOf(order.waitingFor ?? {});
  const waits = order.isOpen && reason ? `waits · ${reason}` : "";
  const said = unhappy ? [order.status, reasonOf(order.problem ?? {})] : [again, waits];
  note.textContent = said.filter(Boolean).join(" · ");
  note.classList.toggle("is-bad", unhappy);
  if (order.id && !row.dataset.order) {
    row.dataset.order = order.id;
    const link = Object.assign(element("a", "id", order.id.slice(0, 8)), { href: `/api/orders/${order.id}`, title: order.id });
    link.addEventListener("click", showStored);
    cells.id.replaceChildren(link);
  }
  if (order.venue && cells.venue.dataset.venue !== order.venue) {
    cells.venue.dataset.venue = order.venue;
    cells.venue.replaceChildren(element("span", `venue is-${order.venue}`, order.venue));
  }
  cells.received.textContent = order.received ? `${order.received} ${symbol}` : "";
  if (order.isConfirmed) {
    row.dataset.latency = order.latencyMs;
    cells.latency.textContent = seconds(order.latencyMs);
  }
}

// ---- Totals and verdict ----------------------------------------------------

const seconds = (milliseconds) =>
  milliseconds === null ? "–" : milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(2)} s`;

function drawTotals() {
  const confirmed = run.orders.filter((order) => order.isConfirmed);
  const failed = run.orders.filter((order) => !order.isOpen && !order.isConfirmed);
  const closed = confirmed.length + failed.length;
  const latencies = confirmed.map((order) => order.latencyMs).sort((a, b) => a - b);
  if (closed === run.orders.length) endedAt ??= Math.max(...run.orders.map((order) => order.closedAt));
  const elapsed = ((endedAt ?? performance.now()) - run.startedAt) / 1_000;
  $("confirmed").textContent = confirmed.length;
  $("placed").textContent = run.orders.length;
  $("failed").textContent = failed.length;
  $("failed").classList.toggle("bad", failed.length > 0);
  $("rate").textContent = confirmed.length ? (confirmed.length / elapsed).toFixed(1) : "–";
  for (const percent of [50, 95, 99]) $(`p${percent}`).textContent = seconds(percentile(latencies, percent));
  const [failedBar, confirmedBar] = $("progress").children;
  confirmedBar.setAttribute("width", (100 * confirmed.length) / run.orders.length);
  failedBar.setAttribute("width", (100 * closed) / run.orders.length);
  $("progress").setAttribute("aria-label", `${closed} of ${run.orders.length} orders closed`);
}

/** What stands while orders are open; without an event nothing is in order yet. */
function soFar(events) {
  const halted = run.orders.filter(isHalted);
  const accepted = halted.filter((order) => order.id).length;
  const unsent = halted.length - accepted;
  const are = (count) => `${count} ${count === 1 ? "order is" : "orders are"}`;
  const stand = [unsent && `${are(unsent)} not accepted yet`, accepted && `${are(accepted)} accepted and waiting`].filter(Boolean);
  const halt = stand.length ? `Trading is halted: ${stand.join(", ")}. ` : "";
  return halt + (events ? "All in order so far. Compared with the stored history at the end." : "There are no events yet.");
}

function drawVerdict() {
  const total = verdictOf(run.orders);
  const wrong = total.lost + total.duplicated + total.outOfOrder;
  $("events").textContent = total.events;
  $("lost").textContent = total.lost;
  $("duplicated").textContent = total.duplicated;
  $("out-of-order").textContent = total.outOfOrder;
  $("sockets").textContent = run.socketsOpen;
  $("dropped").textContent = run.dropped;
  const state = wrong ? "wrong" : total.unchecked ? "running" : total.events ? "clean" : "idle";
  const text = {
    wrong: `${wrong} ${wrong === 1 ? "event was" : "events were"} lost, duplicated or out of order.`,
    running: soFar(total.events),
    idle: "No order was accepted, so there are no events to compare.",
    clean: "Every event arrived once and in order, as the stored history has them.",
  }[state];
  $("verdict").dataset.state = state;
  if ($("verdict-text").textContent !== text) $("verdict-text").textContent = text;
}

/** Draw at most once a frame, and only the rows that changed. */
function redraw(order) {
  if (order) touched.add(order);
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    for (const each of touched) if (rows.has(each)) drawRow(each);
    touched.clear();
    drawHalt();
    drawTotals();
    drawVerdict();
  });
}

$("setup").addEventListener("submit", start);
$("drop").addEventListener("click", () => run?.dropAll());
$("problem-retry").addEventListener("click", loadPairs);
loadPairs();
