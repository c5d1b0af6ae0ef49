// The frame inspector's page. Rows are kept per model, so that a second view, or one drawn later,
// has them all; the list draws only the rows that can be seen. All content is text, never markup.

import { make } from "./panel.js";

/**
 * @typedef {{number: number, time: string, direction: "in" | "out", kind: string, action: string,
 *   channel: string, summary: string, size: number | null, connection: string, code: number | null,
 *   ms: number | null, broken: string[]}} Row
 * @typedef {{name: string, value: string, sentence: string, note: string, depth: number}} Fact
 * @typedef {{number: number, title: string, sentence: string, rows: Fact[], raw?: string,
 *   broken?: string[]}} Detail
 * @typedef {{rows: Row[], lost: number, title: string, clearedTo: number, detail: Detail | null,
 *   changed: Set<() => void>}} Store
 */

const ROW_HEIGHT = 26;
const OVERSCAN = 8;
const ARROWS = { in: "←", out: "→" };

/** What colour an action's badge has; the name in it says the same. */
const KINDS = {
  error: ["ERROR", "NACK", "not a frame"],
  good: ["ACK", "CONNECTED", "ATTACHED"],
  message: ["MESSAGE", "PRESENCE", "SYNC", "ANNOTATION", "OBJECT"],
  quiet: ["HEARTBEAT", "WebSocket open", "WebSocket close"],
};

/** @param {string} action */
export function kindOf(action) {
  const found = Object.entries(KINDS).find(([, actions]) => actions.includes(action));
  return found ? found[0] : "plain";
}

/**
 * Put rows into a list that is in order of number, each once.
 * @param {Row[]} rows @param {Row[]} added
 */
export function merge(rows, added) {
  for (const row of added) {
    let place = rows.length;
    while (place > 0 && rows[place - 1].number > row.number) place -= 1;
    if (place === 0 || rows[place - 1].number !== row.number) rows.splice(place, 0, row);
  }
}

/** @type {Record<string, (row: Row, value: string) => boolean>} */
const KEYS = {
  action: (row, value) => like(row.action, value),
  dir: (row, value) => row.direction === value,
  channel: (row, value) => like(row.channel, value),
  code: (row, value) => like(String(row.code ?? ""), value),
  from: (row, value) => like(row.connection, value),
  is: (row, value) => value === "broken" && row.broken.length > 0,
};

/** Whether a text is like a pattern in which * stands for anything. @param {string} text @param {string} pattern */
function like(text, pattern) {
  const parts = pattern.toLowerCase().split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(text.toLowerCase());
}

/** @param {Row} row @param {string} term */
function hasTerm(row, term) {
  const size = /^size([<>])([\d.]+)(k?)$/i.exec(term);
  if (size) {
    const limit = Number(size[2]) * (size[3] ? 1024 : 1);
    return row.size !== null && (size[1] === ">" ? row.size > limit : row.size < limit);
  }
  const [key, value] = [term.slice(0, term.indexOf(":")), term.slice(term.indexOf(":") + 1)];
  if (Object.hasOwn(KEYS, key) && value) return KEYS[key](row, value);
  const text = `${row.action} ${row.channel} ${row.summary}`.toLowerCase();
  return text.includes(term.toLowerCase());
}

/**
 * Whether a row has all that is searched for: words, `action:MESSAGE dir:in channel:chat* code:40160
 * size>1k is:broken`, each with a `-` before it to be without.
 * @param {Row} row @param {string} query
 */
export function matches(row, query) {
  return query
    .split(/\s+/)
    .filter(Boolean)
    .every((term) => (term.length > 1 && term[0] === "-" ? !hasTerm(row, term.slice(1)) : hasTerm(row, term)));
}

/**
 * The rows to draw, given what is hidden and what is searched for.
 * @param {Store} store @param {boolean} hideHeartbeats @param {string} query
 */
export function shown(store, hideHeartbeats, query) {
  return store.rows.filter(
    (row) =>
      row.number >= store.clearedTo &&
      !(hideHeartbeats && row.action === "HEARTBEAT") &&
      matches(row, query),
  );
}

/** @type {WeakMap<object, Store>} */
const stores = new WeakMap();

/** @param {any} model @returns {Store} */
function storeOf(model) {
  let store = stores.get(model);
  if (!store) {
    store = { rows: [], lost: 0, title: "Frames", clearedTo: 0, detail: null, changed: new Set() };
    stores.set(model, store);
    const known = store;
    model.on("msg:custom", (/** @type {any} */ message) => {
      if (message.rows) {
        merge(known.rows, message.rows);
        known.lost = message.lost;
        known.title = message.title;
      }
      if (message.detail) known.detail = message.detail;
      for (const changed of known.changed) changed();
    });
  }
  return store;
}

/** @param {Row} row @param {boolean} selected @param {string} id */
function drawRow(row, selected, id) {
  const element = make("div", `ak-row ak-${row.direction}`, "", {
    role: "option",
    id,
    "aria-selected": String(selected),
    "data-number": String(row.number),
  });
  const toward = row.direction === "in" ? "received" : "sent";
  element.append(
    make("span", "ak-time", row.time),
    make("span", "ak-arrow", ARROWS[row.direction], { role: "img", "aria-label": toward }),
    make("span", `ak-action ak-${kindOf(row.action)}`, row.action),
    make("span", "ak-channel", row.channel),
    summaryOf(row),
    make("span", "ak-ms", row.ms === null ? "" : `${row.ms.toFixed(1)} ms`, { title: "from question to answer" }),
    make("span", "ak-size", row.size === null ? "" : `${row.size} B`),
  );
  return element;
}

/** @param {Row} row */
function summaryOf(row) {
  const summary = make("span", "ak-summary", row.summary, { title: row.summary });
  if (row.broken.length) {
    const badge = make("span", "ak-badge", "⚠", { role: "img", "aria-label": "breaks a rule", title: row.broken.join("\n") });
    summary.prepend(badge, " ");
  }
  return summary;
}

/** @param {Detail} detail */
function drawDetail(detail) {
  const table = make("table", "ak-facts");
  for (const fact of detail.rows) {
    const line = make("tr", "");
    const name = make("th", "", fact.name, { scope: "row" });
    name.style.paddingLeft = `${0.4 + fact.depth * 1.1}em`;
    const value = make("td", "ak-value", fact.value);
    const said = make("td", "ak-said", fact.sentence);
    if (fact.note) said.append(" ", make("small", "", fact.note));
    line.append(name, value, said);
    table.append(line);
  }
  const head = make("p", "ak-detail-head");
  head.append(make("strong", "", detail.title), " ", detail.sentence);
  const raw = make("details", "ak-raw");
  raw.append(make("summary", "", "As it crossed the wire"), make("pre", "", detail.raw ?? ""));
  const broken = make("ul", "ak-broken");
  broken.append(...(detail.broken ?? []).map((text) => make("li", "", `⚠ ${text}`)));
  return [head, broken, table, raw];
}

let views = 0;

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = storeOf(model);
  const name = `ablykit-inspector-${(views += 1)}`;
  let hideHeartbeats = false;
  let paused = false;
  let atEnd = true;
  let selected = -1;
  /** @type {Row[]} */
  let rows = [];

  const title = make("strong", "ak-title", store.title, { id: `${name}-title` });
  const count = make("span", "ak-count", "", { role: "status" });
  const hide = make("button", "ak-button", "Hide heartbeats", { type: "button", "aria-pressed": "false" });
  const pause = make("button", "ak-button", "Pause", { type: "button", "aria-pressed": "false" });
  const search = /** @type {HTMLInputElement} */ (
    make("input", "ak-search", "", {
      type: "search",
      placeholder: "Search: words, action:MESSAGE, dir:in, is:broken …",
      "aria-label": "Search the frames",
    })
  );
  const clear = make("button", "ak-button", "Clear", { type: "button" });
  const bar = make("div", "ak-bar");
  bar.append(title, count, search, pause, hide, clear);
  const spacer = make("div", "ak-spacer", "", { role: "presentation" });
  const list = make("div", "ak-list", "", {
    role: "listbox",
    tabindex: "0",
    "aria-labelledby": `${name}-title`,
  });
  list.append(spacer);
  const empty = make("p", "ak-empty", "Nothing has crossed the wire yet.");
  const detail = make("section", "ak-detail", "", { "aria-label": "The chosen frame, explained", tabindex: "0" });
  detail.hidden = true;
  const root = make("div", "ablykit ablykit-inspector");
  root.append(bar, empty, list, detail);
  el.append(root);

  const paint = () => {
    const first = Math.max(Math.floor(list.scrollTop / ROW_HEIGHT) - OVERSCAN, 0);
    const last = Math.min(first + Math.ceil(list.clientHeight / ROW_HEIGHT) + 2 * OVERSCAN, rows.length);
    const drawn = [];
    for (let index = first; index < last; index += 1) {
      const row = drawRow(rows[index], rows[index].number === selected, `${name}-${rows[index].number}`);
      row.style.top = `${index * ROW_HEIGHT}px`;
      drawn.push(row);
    }
    spacer.style.height = `${rows.length * ROW_HEIGHT}px`;
    spacer.replaceChildren(...drawn);
  };

  const update = () => {
    if (!paused) rows = shown(store, hideHeartbeats, search.value);
    title.textContent = store.title;
    const lost = store.lost ? `, ${store.lost} earlier ones fell out` : "";
    const frames = rows.filter((row) => row.kind === "frame").length;
    count.textContent = `${frames} ${frames === 1 ? "frame" : "frames"}${lost}`;
    empty.hidden = rows.length > 0;
    empty.textContent = search.value ? "No frame is like that." : "Nothing has crossed the wire yet.";
    list.hidden = rows.length === 0;
    list.style.height = `${Math.min(Math.max(rows.length, 1), 12) * ROW_HEIGHT + 2}px`;
    paint();
    if (atEnd) list.scrollTop = list.scrollHeight;
    if (store.detail && store.detail.number === selected) {
      detail.replaceChildren(...drawDetail(store.detail));
      detail.hidden = false;
    }
  };

  /** @param {number} number */
  const choose = (number) => {
    selected = number;
    list.setAttribute("aria-activedescendant", `${name}-${number}`);
    model.send({ want: "detail", number });
    paint();
  };

  /** @param {number} by */
  const move = (by) => {
    if (rows.length === 0) return;
    const here = rows.findIndex((row) => row.number === selected);
    const index = Math.min(Math.max(here < 0 ? rows.length - 1 : here + by, 0), rows.length - 1);
    const top = index * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight)
      list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
    choose(rows[index].number);
  };

  list.addEventListener("scroll", () => {
    atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - ROW_HEIGHT;
    paint();
  });
  list.addEventListener("click", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest(".ak-row");
    if (row instanceof HTMLElement) choose(Number(row.dataset.number));
  });
  list.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9, Enter: 0 };
    const by = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (by === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (by !== undefined) return move(by);
    detail.hidden = true;
    selected = -1;
    paint();
  });
  hide.addEventListener("click", () => {
    hideHeartbeats = !hideHeartbeats;
    hide.setAttribute("aria-pressed", String(hideHeartbeats));
    update();
  });
  search.addEventListener("input", update);
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    update();
  });
  root.addEventListener("keydown", (event) => {
    if (event.target === search) event.stopPropagation();
    else if (event.key === "/") {
      event.preventDefault();
      event.stopPropagation();
      search.focus();
    }
  });
  clear.addEventListener("click", () => {
    const newest = store.rows[store.rows.length - 1];
    if (newest) store.clearedTo = newest.number + 1;
    store.detail = null;
    detail.hidden = true;
    for (const changed of store.changed) changed();
  });

  store.changed.add(update);
  const resized = new ResizeObserver(paint);
  resized.observe(list);
  update();
  model.send({ want: "rows" });
  return () => {
    store.changed.delete(update);
    resized.disconnect();
  };
}

export default { render };
