// Did every event of an order arrive, once and in order? And how long did orders take?

export const STEPS = ["pending", "routing", "building", "submitted", "confirmed"];
export const UNHAPPY = new Set(["failed", "cancelled", "expired"]);

export const isTerminal = (status) => status === "confirmed" || UNHAPPY.has(status);

/** JSON with sorted keys: the same event has the same text wherever it came from. */
const canonical = (event) =>
  JSON.stringify(event, (_, value) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, value[key]]))
      : value,
  );

/** What arrived of one order, in the order of arrival. */
export class EventLog {
  arrived = 0;
  duplicated = 0;
  outOfOrder = 0;
  highest = 0; // the newest sequence seen: a new socket asks for what comes after it
  #bySequence = new Map();

  /** Note an event; true when it is the newest so far. */
  add(event) {
    this.arrived += 1;
    if (this.#bySequence.has(event.sequence)) {
      this.duplicated += 1;
      return false;
    }
    this.#bySequence.set(event.sequence, canonical(event));
    if (event.sequence < this.highest) {
      this.outOfOrder += 1;
      return false;
    }
    this.highest = event.sequence;
    return true;
  }

  /** How many events before the newest one are missing so far. */
  get missing() {
    return this.highest - this.#bySequence.size;
  }

  /** How many events of the stored history never arrived as they are stored. */
  lostOf(history) {
    return history.filter((event) => this.#bySequence.get(event.sequence) !== canonical(event)).length;
  }
}

/** The nearest-rank percentile of ascending numbers, or null when there are none. */
export function percentile(ascending, percent) {
  if (ascending.length === 0) return null;
  return ascending[Math.ceil((percent / 100) * ascending.length) - 1];
}

/** Add up the logs of all orders; `lost` is final for the orders that were checked. */
export function verdictOf(orders) {
  const total = { events: 0, lost: 0, duplicated: 0, outOfOrder: 0, unchecked: 0 };
  for (const { log, lost } of orders) {
    total.events += log.arrived;
    total.lost += lost ?? log.missing;
    total.duplicated += log.duplicated;
    total.outOfOrder += log.outOfOrder;
    total.unchecked += lost === null ? 1 : 0;
  }
  return total;
}
