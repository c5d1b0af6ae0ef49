// The scorecard's page: a row for each storm and each rule, and the frames that prove it.

import { button, make, select, toggle } from "./panel.js";
import { whileAlive } from "./alive.js";

/**
 * @typedef {{verdict: string, sign: string, name: string, clause: string, says: string, why: string,
 *   proof: number[]}} Row
 */

/** Which rows a filter shows: runs and rules have words of their own for the same. @type {Record<string, string[]>} */
const FILTERS = { broken: ["broken", "failed"], unknown: ["unknown"], kept: ["kept", "passed"] };

/** @param {Row[]} rows @param {string | null} filter */
export function filtered(rows, filter) {
  return filter === null ? rows : rows.filter((row) => FILTERS[filter].includes(row.verdict));
}

/** How many rows each filter shows. @param {Row[]} rows */
export function counted(rows) {
  return Object.fromEntries(Object.keys(FILTERS).map((name) => [name, filtered(rows, name).length]));
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  /** @type {Row[]} */
  const rows = model.get("rows");
  const root = make("section", "ablykit ablykit-scorecard", "", { "aria-label": model.get("title") });
  const bar = make("div", "ak-bar");
  const list = make("ul", "ak-rules", "", { "aria-label": "Rules", tabindex: "0" });
  bar.append(make("strong", "", model.get("title")), make("span", "ak-count"));

  /** @type {string | null} */
  let filter = null;
  const counts = counted(rows);
  const filters = Object.keys(FILTERS).map((name) =>
    toggle(`${counts[name]} ${name}`, false, (on) => {
      filter = on ? name : null;
      filters.forEach((each) => each !== filters[Object.keys(FILTERS).indexOf(name)] && each.setAttribute("aria-pressed", "false"));
      draw();
    }),
  );
  bar.append(...filters);
  root.append(bar, list);
  el.append(root);

  /** @param {Row} row */
  const item = (row) => {
    const element = make("li", `ak-rule ak-is-${row.verdict}`);
    const head = make("span", "ak-rule-head");
    head.append(
      make("b", "ak-sign", row.sign, { "aria-hidden": "true" }),
      make("b", "ak-word", row.verdict),
      make("code", "", row.name),
      make("span", "ak-soft", row.clause),
    );
    const proof = make("span", "ak-proof");
    for (const number of row.proof) {
      proof.append(
        button(String(number), () => select(model, number), { "data-number": String(number), "aria-label": `Frame ${number}` }),
      );
    }
    const why = row.verdict === "kept" || row.verdict === "passed" ? "" : row.why;
    element.append(head, make("span", "ak-says", row.says), make("span", "ak-why", why), proof);
    return element;
  };

  const light = () => {
    for (const each of list.querySelectorAll("[data-number]")) {
      each.setAttribute("aria-pressed", String(each.getAttribute("data-number") === String(model.get("selected"))));
    }
  };
  const draw = () => {
    list.replaceChildren(...filtered(rows, filter).map(item));
    light();
  };
  model.on("change:selected", light);
  draw();
  return () => model.off("change:selected", light);
}

export default { render: whileAlive(render) };
