// Places orders and follows each to its end over WebSockets that may drop at any time.

import { EventLog, STEPS, isTerminal } from "./verdict.js";

const EXECUTE = "/api/orders/execute";
const QUIET_MS = 5_000; // after this long without an event the stored order is looked at
const WINDOW = 20; // messages under way on the socket that takes orders: a drop wastes no more
const NO_RIGHT = 4401; // how a socket closes then
const BACK_OFF_MS = [250, 500, 1_000, 2_000, 4_000];

// The embedded default puts its key into the page; elsewhere a session says who asks.
const KEY = JSON.parse(document.getElementById("api-key")?.textContent ?? "null");

function credentials() {
  if (KEY) return { Authorization: `Bearer ${KEY}` };
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  return token ? { "X-CSRFToken": token } : {};
}

/** Fetch JSON; an Error with the problem's own words when the answer is one. */
export async function fetchJson(url, { headers, ...options } = {}) {
  const response = await fetch(url, { ...options, headers: { ...credentials(), ...headers } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const retryAfterSeconds = Number(response.headers.get("Retry-After")) || undefined;
    const problem = { status: response.status, retryAfterSeconds, ...body };
    throw Object.assign(new Error(body.detail ?? response.statusText), { problem });
  }
  return body;
}

/** How long an order waits before it is sent again; null when that is to no avail. */
function pauseMs(failures, { status, retryAfterSeconds }) {
  if (failures >= BACK_OFF_MS.length) return null;
  // What the site asks for, and up to a quarter more, so that not all come back at once.
  if (retryAfterSeconds) return retryAfterSeconds * 1_000 * (1 + Math.random() / 4);
  return status < 500 ? null : BACK_OFF_MS[failures];
}

function randomKey() {
  // randomUUID exists on https and localhost only.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One order as this page knows it. */
class TestOrder {
  constructor(number, request) {
    this.number = number;
    this.request = request;
    this.key = randomKey(); // with it a repeated message is the same order
    this.id = null;
    this.wsUrl = null;
    this.status = "placing";
    this.reached = 0; // steps of the happy path that were reached
    this.venue = "";
    this.received = "";
    this.attempt = 0;
    this.problem = null;
    this.waitingFor = null; // why it does not move, as the site says
    this.log = new EventLog();
    this.lost = null; // unknown until compared with the stored history
    this.startedAt = 0;
    this.closedAt = null;
    this.storedAtMs = 0; // of its first and newest event, by the site's clock
    this.movedAtMs = 0;
    this.heardAt = 0;
    this.socket = null;
    this.failures = 0;
    this.foundClosed = 0;
  }

  get isOpen() {
    return this.closedAt === null;
  }

  get isConfirmed() {
    return this.status === "confirmed";
  }

  /** From stored to the newest event. A browser opens the sockets to one host one after
   * another, so the time until it heard of that would be the browser's, not the site's. */
  get latencyMs() {
    return this.isOpen ? null : this.movedAtMs - this.storedAtMs;
  }
}

/** Many orders at once. Calls `changed(order)` whenever one moves. */
export class Run {
  constructor({ requests, mode, changed }) {
    this.mode = mode;
    this.changed = changed;
    this.orders = requests.map((request, index) => new TestOrder(index + 1, request));
    this.byId = new Map();
    this.shared = null; // the socket that takes orders, in mode "socket"
    this.dropped = 0;
    this.startedAt = performance.now();
  }

  get socketsOpen() {
    const sockets = [this.shared, ...this.orders.map((order) => order.socket)];
    return sockets.filter((socket) => socket?.readyState === WebSocket.OPEN).length;
  }

  get isOver() {
    return this.orders.every((order) => !order.isOpen && order.lost !== null);
  }

  /** Place all orders and follow them; resolves when each is closed and checked. */
  async finish() {
    for (const order of this.orders) order.startedAt = order.heardAt = performance.now();
    if (this.mode === "socket") this.#placeOverSocket();
    else this.orders.forEach((order) => this.#placeByRest(order));
    while (!this.isOver) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const allClosed = this.orders.every((order) => !order.isOpen);
      const due = this.orders.filter((order) => order.lost === null && (order.isOpen ? this.#isQuiet(order) : allClosed));
      await Promise.all(due.map((order) => this.#check(order)));
    }
    this.#letGo(this, "shared");
  }

  /** Cut every open socket as it stands, then follow each open order again from its last event. */
  dropAll() {
    for (const order of this.orders) {
      if (order.socket?.readyState === WebSocket.OPEN && this.#letGo(order, "socket")) this.#follow(order);
    }
    if (this.shared?.readyState === WebSocket.OPEN && this.#letGo(this, "shared")) {
      this.orders.filter((order) => order.isOpen && order.id).forEach((order) => this.#follow(order));
      this.#placeOverSocket();
    }
  }

  #letGo(holder, name) {
    const socket = holder[name];
    if (socket === null) return false;
    holder[name] = null;
    socket.onmessage = socket.onclose = null; // what is still under way is lost with the socket
    socket.close();
    if (!this.isOver) this.dropped += 1;
    return true;
  }

  async #placeByRest(order) {
    const options = {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": order.key },
      body: JSON.stringify(order.request),
    };
    for (;;) {
      try {
        this.#accepted(order, await fetchJson(EXECUTE, options));
        this.#follow(order);
        return;
      } catch (error) {
        const wait = this.#pause(order, error.problem ?? { status: 503, detail: error.message });
        if (wait === null) return;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /** Send what was not accepted yet over one socket; answers come in the order of messages. */
  #placeOverSocket() {
    const waiting = this.orders.filter((order) => order.isOpen && !order.id);
    const sent = [];
    if (waiting.length === 0) return;
    const address = Object.assign(new URL(EXECUTE, location), { protocol: location.protocol.replace("http", "ws") });
    const socket = new WebSocket(address, KEY ? ["dex.v1", `key.${KEY}`] : []);
    const send = () => {
      while (waiting.length > 0 && sent.length < WINDOW) {
        const order = waiting.shift();
        socket.send(JSON.stringify({ ...order.request, idempotencyKey: order.key }));
        sent.push(order);
      }
    };
    this.shared = socket;
    socket.onopen = send;
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if ("sequence" in frame) return this.#arrived(this.byId.get(frame.orderId), frame);
      if ("wsUrl" in frame) this.#accepted(sent.shift(), frame);
      else if (sent.length > 0) this.#tryAgain(sent.shift(), frame, (order) => (waiting.push(order), send()));
      else for (const order of waiting.splice(0)) this.#refused(order, frame); // none may be placed here
      send();
    };
    socket.onclose = () => {
      this.shared = null;
      this.orders.filter((order) => order.isOpen && order.id).forEach((order) => this.#follow(order));
      setTimeout(() => this.#placeOverSocket(), BACK_OFF_MS[2]);
    };
  }

  /** Send an order again that the engine could not place just now; its key keeps it one order. */
  #tryAgain(order, problem, again) {
    const wait = this.#pause(order, problem);
    if (wait === null) return;
    const socket = this.shared; // a later one sends all that was not accepted anyway
    setTimeout(() => this.shared === socket && again(order), wait);
  }

  /** Return how long an order is to wait, and show why; null when it is refused for good. */
  #pause(order, problem) {
    const wait = pauseMs(order.failures++, problem);
    if (wait === null) this.#refused(order, problem);
    else this.changed(Object.assign(order, { waitingFor: problem }));
    return wait;
  }

  #accepted(order, { orderId, wsUrl }) {
    Object.assign(order, { id: orderId, wsUrl, failures: 0, waitingFor: null, status: order.reached ? order.status : "accepted" });
    order.heardAt = performance.now();
    this.byId.set(orderId, order);
    this.changed(order);
  }

  #refused(order, problem) {
    Object.assign(order, { status: "refused", problem, lost: 0, closedAt: performance.now() });
    this.changed(order);
  }

  /** Follow an order over a socket of its own, from the last event that arrived. */
  #follow(order) {
    if (!order.isOpen || order.socket !== null) return;
    const url = new URL(order.wsUrl);
    if (order.log.highest) url.searchParams.set("after", order.log.highest);
    const socket = new WebSocket(url);
    order.socket = socket;
    socket.onopen = () => Object.assign(order, { heardAt: performance.now(), foundClosed: 0 });
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      order.failures = 0;
      if ("sequence" in frame) this.#arrived(order, frame);
    };
    socket.onclose = async ({ code }) => {
      order.socket = null;
      this.changed(order);
      const wait = BACK_OFF_MS[Math.min(order.failures++, BACK_OFF_MS.length - 1)];
      if (code === NO_RIGHT) await this.#askForTicket(order);
      if (order.isOpen) setTimeout(() => this.#follow(order), wait * (0.5 + Math.random()));
    };
  }

  /** The ticket in an order's address is too old, or was made for a session that ended. */
  async #askForTicket(order) {
    const asked = fetchJson(`/api/orders/${order.id}/ticket`, { method: "POST" });
    order.wsUrl = (await asked.catch(() => order)).wsUrl;
  }

  #arrived(order, event) {
    order.heardAt = performance.now();
    if (order.log.add(event)) this.#show(order, event);
    this.changed(order);
  }

  #show(order, { sequence, status, attempt, timestamp, data }) {
    order.movedAtMs = Date.parse(timestamp);
    order.waitingFor = null;
    if (sequence === 1) order.storedAtMs = order.movedAtMs;
    order.status = status;
    order.attempt = attempt;
    if (STEPS.includes(status)) order.reached = STEPS.indexOf(status) + 1;
    order.venue = data.venue ?? data.route?.venue ?? order.venue;
    order.received = data.amountOut ?? order.received;
    if (data.code) order.problem = data;
    if (isTerminal(status)) order.closedAt = performance.now();
  }

  /** Whether an order's stream has been open for a while and said nothing. */
  #isQuiet(order) {
    const stream = order.socket ?? this.shared;
    return order.id !== null && stream?.readyState === WebSocket.OPEN && performance.now() - order.heardAt > QUIET_MS;
  }

  /** Compare with the stored order: the truth about what should have arrived. */
  async #check(order) {
    order.heardAt = performance.now();
    const stored = await fetchJson(`/api/orders/${order.id}`).catch(() => null);
    if (stored === null) return; // asked again later
    order.waitingFor = stored.waitingFor;
    this.changed(order);
    if (!isTerminal(stored.status)) return;
    if (order.isOpen) {
      // It may have closed a moment ago. Found closed and quiet twice: the end is lost.
      order.foundClosed += 1;
      if (order.foundClosed < 2) return;
      this.#letGo(order, "socket");
      this.#show(order, stored.history.at(-1));
    }
    order.lost = order.log.lostOf(stored.history);
    this.changed(order);
  }
}
