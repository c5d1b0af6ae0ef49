// The console's page: a button and a key for each thing that an SDK can do, and its frames as lines.

import { button, make } from "./panel.js";
import { whileAlive } from "./alive.js";

/**
 * @typedef {{number: number, time: string, arrow: string, badge: string, kind: string, channel: string,
 *   text: string}} Line
 */

/** How close to its end, in pixels, the log must be to follow what is added. */
const NEAR = 40;

/**
 * What a key pressed on the panel does: a key of the console, or nothing.
 * @param {{key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean}} event
 * @param {[string, string][]} keys
 */
export function keyOf({ key, ctrlKey, metaKey, altKey }, keys) {
  if (ctrlKey || metaKey || altKey) return null;
  return keys.some(([name]) => name === key) ? key : null;
}

/** @param {Line} line */
function row(line) {
  const element = make("div", line.badge === "note" ? "ak-line ak-note" : "ak-line");
  element.append(
    make("span", "ak-time", line.time),
    make("span", "ak-arrow", line.arrow, { "aria-hidden": "true" }),
    make("span", `ak-action ak-${line.kind}`, line.badge),
    make("span", "ak-channel", line.channel),
    make("span", "ak-summary", line.text),
  );
  return element;
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  /** @type {[string, string][]} */
  const keys = model.get("controls");
  const root = make("section", "ablykit ablykit-console", "", {
    "aria-label": `Console of ${model.get("title")}`,
    tabindex: "0",
    "data-lm-suppress-shortcuts": "true", // JupyterLab would insert a cell for an a
  });
  const bar = make("div", "ak-bar");
  const state = make("span", "ak-count", "", { role: "status" });
  const log = make("div", "ak-log", "", { role: "log", tabindex: "0", "aria-label": "Frames" });
  const writer = make("div", "ak-writer");
  const text = /** @type {HTMLInputElement} */ (
    make("input", "ak-search", "", { "aria-label": "Message", placeholder: "Message: Enter sends, Escape goes back" })
  );
  writer.append(text);
  writer.hidden = true;

  /** @param {string} key @param {string} [message] */
  const press = (key, message = "") => model.send({ want: "press", key, text: message });
  const write = () => {
    writer.hidden = false;
    text.focus();
  };
  const back = () => {
    text.value = "";
    writer.hidden = true;
    root.focus();
  };
  /** @param {string} key */
  const act = (key) => (key === "m" ? write() : press(key));

  bar.append(make("strong", "", model.get("title")), state);
  for (const [name, word] of keys) {
    const control = button("", () => act(name), { "aria-keyshortcuts": name });
    control.append(make("kbd", "", name), ` ${word}`);
    bar.append(control);
  }
  root.append(bar, log, writer);
  el.append(root);

  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.target === text) {
      if (event.key === "Enter" && text.value) press("m", text.value);
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        back();
      }
      return;
    }
    const key = keyOf(event, keys);
    if (key === null) return;
    event.preventDefault();
    act(key);
  });

  const update = () => {
    /** @type {Line[]} */
    const lines = model.get("lines");
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    log.replaceChildren(...lines.map(row));
    if (follows) log.scrollTop = log.scrollHeight;
  };
  const become = () => {
    state.textContent = model.get("state");
    root.dataset.state = model.get("state");
  };
  model.on("change:lines", update);
  model.on("change:state", become);
  update();
  become();
  log.scrollTop = log.scrollHeight;
  return () => {
    model.off("change:lines", update);
    model.off("change:state", become);
  };
}

export default { render: whileAlive(render) };
