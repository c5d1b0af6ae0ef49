// The frame inspector's page. The list draws only the rows that can be seen; all content is text, never
// markup.

import { NOTHING, button, download, make, select, toggle } from "./panel.js";
import { whileAlive } from "./alive.js";
import { CHIPS, expressionIn, question, withTerm } from "./search.js";
import { Shown, emptyStore, take } from "./store.js";
import { drawDetail } from "./detail.js";

/**
 * @typedef {import("./search.js").Row} Row
 * @typedef {import("./store.js").Store} Store
 */

const ROW_HEIGHT = 26;
const OVERSCAN = 8;
const MOST = 12; // rows in sight
const ARROWS = { in: "←", out: "→" };
const PAUSE = 250; // ms without typing before an expression is asked of the kernel

/** What colour an action's badge has; the name in it says the same. */
const KINDS = {
  error: ["ERROR", "NACK", "DISCONNECTED", "not a frame"],
  good: ["ACK", "CONNECTED", "ATTACHED"],
  message: ["MESSAGE", "PRESENCE", "SYNC", "ANNOTATION", "OBJECT"],
  quiet: ["HEARTBEAT", "WebSocket open", "WebSocket close", "WebSocket ping", "WebSocket pong"],
};

/** @param {string} action */
export function kindOf(action) {
  const found = Object.entries(KINDS).find(([, actions]) => actions.includes(action));
  return found ? found[0] : "plain";
}

/** @type {WeakMap<object, Store>} */
const stores = new WeakMap();

/** @param {any} model @returns {Store} */
function storeOf(model) {
  const known = stores.get(model);
  if (known) return known;
  const store = emptyStore();
  stores.set(model, store);
  model.on("msg:custom", (/** @type {any} */ message) => {
    take(store, message);
    if (message.file) download(message.file.name, message.file.text, "application/jsonl");
    for (const changed of store.changed) changed();
  });
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
    make("span", "ak-who", row.connection),
    make("span", "ak-arrow", ARROWS[row.direction], { role: "img", "aria-label": toward }),
    make("span", `ak-action ak-${kindOf(row.action)}`, row.action),
    make("span", "ak-channel", row.channel),
    drawSummary(row),
    make("span", "ak-ms", row.ms === null ? "" : `${row.ms.toFixed(1)} ms`, { title: "from question to answer" }),
    make("span", "ak-size", row.size === null ? "" : `${row.size} B`),
  );
  return element;
}

/** @param {Row} row */
function drawSummary(row) {
  const summary = make("span", "ak-summary", row.summary, { title: row.summary });
  if (row.broken.length) {
    const title = row.broken.join("\n");
    summary.prepend(make("span", "ak-badge", "⚠", { role: "img", "aria-label": "breaks a rule", title }), " ");
  }
  return summary;
}

let views = 0;

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = storeOf(model);
  const name = `ablykit-inspector-${(views += 1)}`;
  const shown = new Shown();
  let [hideHeartbeats, paused, following, timer, frame] = [false, false, true, 0, 0];

  const title = make("strong", "ak-title", store.title, { id: `${name}-title` });
  const count = make("span", "ak-count", "", { role: "status" });
  const search = /** @type {HTMLInputElement} */ (
    make("input", "ak-search", "", {
      type: "search",
      placeholder: "Search: words, action:MESSAGE, size>1k, ?error.code …",
      "aria-label": "Search the frames",
      title: "Words, action: dir: channel: code: from: is: size> or size<, each with - for without; ? and a JMESPath expression",
    })
  );
  const bar = make("div", "ak-bar");
  const chips = make("div", "ak-bar ak-chips", "", { role: "group", "aria-label": "Common searches" });
  const spacer = make("div", "ak-spacer", "", { role: "presentation" });
  const list = make("div", "ak-list", "", { role: "listbox", tabindex: "0", "aria-labelledby": `${name}-title` });
  list.append(spacer);
  const empty = make("p", "ak-empty");
  const notice = make("p", "ak-notice", "", { role: "status" });
  const detail = make("section", "ak-detail", "", { "aria-label": "The chosen frame, explained", tabindex: "0" });
  const root = make("section", "ablykit ablykit-inspector", "", { "aria-label": "Frames" });

  const paint = () => {
    frame = 0;
    const { rows } = shown;
    const first = Math.max(Math.floor(list.scrollTop / ROW_HEIGHT) - OVERSCAN, 0);
    const last = Math.min(first + Math.ceil(list.clientHeight / ROW_HEIGHT) + 2 * OVERSCAN, rows.length);
    const selected = model.get("selected");
    const drawn = rows.slice(first, last).map((row, index) => {
      const element = drawRow(row, row.number === selected, `${name}-${row.number}`);
      element.style.top = `${(first + index) * ROW_HEIGHT}px`;
      return element;
    });
    spacer.style.height = `${rows.length * ROW_HEIGHT}px`;
    spacer.replaceChildren(...drawn);
    const isDrawn = drawn.some((element) => element.id === `${name}-${selected}`);
    if (isDrawn) list.setAttribute("aria-activedescendant", `${name}-${selected}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const paintSoon = () => {
    frame ||= requestAnimationFrame(paint);
  };

  const update = () => {
    if (!paused) shown.update(store, question(search.value), search.value, hideHeartbeats);
    title.textContent = store.title;
    const waiting = store.waiting.size ? `, ${store.waiting.size} unanswered` : "";
    const lost = store.lost ? `, ${store.lost} earlier ones fell out` : "";
    count.textContent = `${shown.frames} ${shown.frames === 1 ? "frame" : "frames"}${waiting}${lost}`;
    const { length } = shown.rows;
    empty.hidden = length > 0;
    empty.textContent = search.value ? "No frame is like that." : "Nothing has crossed the wire yet.";
    list.hidden = length === 0;
    list.style.height = `${Math.min(Math.max(length, 1), MOST) * ROW_HEIGHT + 2}px`;
    notice.textContent = store.notice;
    notice.hidden = !store.notice;
    back.hidden = store.live;
    root.classList.toggle("ak-many", store.names.size > 1);
    const terms = search.value.split(/\s+/);
    for (const chip of /** @type {NodeListOf<HTMLElement>} */ (chips.querySelectorAll("[data-term]"))) {
      chip.setAttribute("aria-pressed", String(terms.includes(chip.dataset.term ?? "")));
    }
    paint();
    if (following && !paused) list.scrollTop = list.scrollHeight;
    showDetail();
  };

  const showDetail = () => {
    const wanted = store.detail && store.detail.number === model.get("selected");
    if (wanted && shownDetail !== store.detail) detail.replaceChildren(...drawDetail(store.detail, acts));
    shownDetail = wanted ? store.detail : null;
    detail.hidden = !wanted;
  };
  /** @type {any} */
  let shownDetail = null;

  const acts = {
    select: (/** @type {number} */ number) => select(model, number),
    compose: (/** @type {number} */ number) => model.send({ want: "compose", number }),
    say: (/** @type {string} */ text) => {
      store.notice = text;
      update();
    },
  };

  /** Bring a row into sight, if it is shown at all. @param {number} number */
  const reveal = (number) => {
    const index = shown.rows.findIndex((row) => row.number === number);
    if (index < 0) return;
    const top = index * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
  };

  const onSelect = () => {
    const number = model.get("selected");
    if (number !== NOTHING) model.send({ want: "detail", number });
    reveal(number);
    paint();
    showDetail();
  };

  /** @param {number} by */
  const move = (by) => {
    const { rows } = shown;
    if (rows.length === 0) return;
    const here = rows.findIndex((row) => row.number === model.get("selected"));
    const index = Math.min(Math.max(here < 0 ? rows.length - 1 : here + by, 0), rows.length - 1);
    select(model, rows[index].number);
    reveal(rows[index].number);
  };

  const typed = () => {
    clearTimeout(timer);
    const expression = expressionIn(search.value);
    store.notice = "";
    if (expression && !store.found.has(expression)) {
      timer = window.setTimeout(() => model.send({ want: "find", expression }), PAUSE);
    }
    update();
  };

  const follow = toggle("Keep to the end", true, (on) => {
    following = on;
    update();
  });
  const pause = toggle("Pause", false, (on) => {
    paused = on;
    update();
  });
  const hide = toggle("Hide heartbeats", false, (on) => {
    hideHeartbeats = on;
    update();
  });
  const clear = button("Clear", () => {
    store.clearedTo = (store.rows.at(-1)?.number ?? -1) + 1;
    select(model, NOTHING);
    for (const changed of store.changed) changed();
  });
  const file = /** @type {HTMLInputElement} */ (make("input", "", "", { type: "file", "aria-label": "A recording" }));
  file.hidden = true;
  file.addEventListener("change", async () => {
    const [chosen] = file.files ?? [];
    if (chosen) model.send({ want: "open", name: chosen.name, text: await chosen.text() });
    file.value = "";
  });
  const save = button("Save", () => model.send({ want: "save" }), { title: "As a recording, in a file" });
  const open = button("Open …", () => file.click(), { title: "A recording, from a file" });
  const back = button("Back to live", () => model.send({ want: "live" }));
  for (const [text, term] of CHIPS) {
    const use = () => {
      search.value = withTerm(search.value, term);
      typed();
    };
    chips.append(button(text, use, { "aria-pressed": "false", "data-term": term, title: term }));
  }
  chips.append(make("span", "ak-gap"), save, open, back, file);
  bar.append(title, count, search, pause, follow, hide, clear);
  root.append(bar, chips, empty, list, notice, detail);
  el.append(root);

  list.addEventListener("scroll", () => {
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - ROW_HEIGHT;
    if (following !== atEnd) {
      following = atEnd;
      follow.setAttribute("aria-pressed", String(atEnd));
    }
    paintSoon();
  });
  list.addEventListener("click", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest(".ak-row");
    if (row instanceof HTMLElement) select(model, Number(row.dataset.number));
  });
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9, Enter: 0 };
  list.addEventListener("keydown", (event) => {
    const by = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (by === undefined && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter" && model.get("selected") !== NOTHING) return detail.focus();
    if (by !== undefined) return move(by);
    select(model, NOTHING);
  });
  root.addEventListener("keydown", (event) => {
    if (event.target === search) {
      event.stopPropagation(); // what is typed here is no command of the notebook
      if (event.key !== "Escape") return;
      search.value = "";
      typed();
      list.focus();
    } else if (event.key === "/") {
      event.preventDefault();
      event.stopPropagation();
      search.focus();
    } else if (event.key === "Escape" && detail.contains(/** @type {Node} */ (event.target))) {
      event.stopPropagation();
      list.focus();
    }
  });
  search.addEventListener("input", typed);

  store.changed.add(update);
  model.on("change:selected", onSelect);
  const resized = new ResizeObserver(paintSoon);
  resized.observe(list);
  update();
  model.send({ want: "rows" });
  if (model.get("selected") !== NOTHING) onSelect();
  return () => {
    store.changed.delete(update);
    model.off("change:selected", onSelect);
    resized.disconnect();
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
}

export default { render: whileAlive(render) };
