// One row of the inspector.

import { make } from "./panel.js";
import { icon } from "./icons.js";

/**
 * @typedef {import("./search.js").Row} Row
 * @typedef {import("./store.js").Store} Store
 */

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

/** What fills each column. @type {Record<string, (row: Row, store: Store) => HTMLElement>} */
const CELLS = {
  number: (row) => make("span", "ak-number", String(row.number)),
  time: (row) => make("span", "ak-time", row.time),
  who: (row) => make("span", "ak-who", row.connection, { title: row.connection }),
  arrow: drawArrow,
  action: (row) => make("span", `ak-action ak-${kindOf(row.action)}`, row.action),
  channel: (row) => make("span", "ak-channel", row.channel, { title: row.channel }),
  summary: drawSummary,
  answer: drawAnswer,
  size: (row) => make("span", "ak-size", row.size === null ? "" : String(row.size)),
};

/**
 * @param {Row} row @param {Store} store @param {import("./columns.js").Column[]} columns
 * @param {boolean} selected @param {string} id
 */
export function drawRow(row, store, columns, selected, id) {
  const element = make("div", `ak-row ak-${row.direction}`, "", {
    role: "option",
    id,
    "aria-selected": String(selected),
    "data-number": String(row.number),
  });
  element.append(...columns.map(({ name }) => CELLS[name](row, store)));
  return element;
}

/** @param {Row} row */
function drawArrow(row) {
  const arrow = make("span", "ak-arrow", "", { role: "img", "aria-label": row.direction === "in" ? "received" : "sent" });
  arrow.append(icon(row.direction === "in" ? "left" : "right"));
  return arrow;
}

/** @param {Row} row */
function drawSummary(row) {
  const summary = make("span", "ak-summary", row.summary, { title: row.summary });
  if (!row.broken.length) return summary;
  const badge = make("span", "ak-badge", "", { role: "img", "aria-label": "breaks a rule", title: row.broken.join("\n") });
  badge.append(icon("warning"));
  summary.prepend(badge, " ");
  return summary;
}

/** How long an answer took, or which frame is the answer: a click leads there. @param {Row} row @param {Store} store */
function drawAnswer(row, store) {
  const [asked] = row.answers;
  const answer = store.answers.get(row.number);
  if (asked === undefined && answer === undefined) return make("span", "ak-answer");
  const took = row.ms === null ? "" : `${row.ms.toFixed(1)} ms`;
  const [text, title, to] =
    asked === undefined
      ? [`#${answer}`, `answered by #${answer}; the key → leads there`, answer]
      : [took, `answers #${asked}; the key ← leads there`, asked];
  const cell = make("span", "ak-answer ak-jump", text, { title, "data-to": String(to) });
  cell.prepend(icon(asked === undefined ? "down" : "up"));
  return cell;
}
