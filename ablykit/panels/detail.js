// One frame, explained: its members and their parts, its bytes, its raw text, and ways to take it along.

import { button, copy, make } from "./panel.js";
import { withIcon } from "./icons.js";

/**
 * @typedef {{name: string, value: string, sentence: string, note: string, depth: number}} Fact
 * @typedef {{number: number, title: string, sentence: string, rows: Fact[], raw?: string, bytes?: string,
 *   broken?: string[], pair?: {number: number, text: string}, copies?: Record<string, string>}} Detail
 */

/**
 * @param {Detail} detail
 * @param {{select: (number: number) => void, compose: (number: number) => void, say: (text: string) => void}} acts
 */
export function drawDetail(detail, acts) {
  const head = make("p", "ak-detail-head");
  head.append(make("strong", "", detail.title), " ", detail.sentence);
  const { pair } = detail;
  if (pair) head.append(" ", withIcon(button("", () => acts.select(pair.number)), pair.number < detail.number ? "up" : "down", pair.text));
  const broken = make("ul", "ak-broken");
  broken.append(...(detail.broken ?? []).map((text) => withIcon(make("li", ""), "warning", text)));
  const parts = [head, ...(detail.broken?.length ? [broken] : []), drawFacts(detail.rows)];
  if (detail.copies) parts.push(drawActs(detail, detail.copies, acts));
  if (detail.raw) parts.push(folded("As it crossed the wire", detail.raw));
  if (detail.bytes) parts.push(folded("Byte by byte", detail.bytes));
  return parts;
}

/** @param {Fact[]} facts */
function drawFacts(facts) {
  const table = make("table", "ak-facts");
  for (const fact of facts) {
    const line = make("tr", "");
    const name = make("th", "", fact.name, { scope: "row" });
    name.style.paddingLeft = `${0.4 + fact.depth * 1.1}em`;
    const said = make("td", "ak-said", fact.sentence);
    if (fact.note) said.append(" ", make("small", "", fact.note));
    line.append(name, make("td", "ak-value", fact.value), said);
    table.append(line);
  }
  return table;
}

/** @param {Detail} detail @param {Record<string, string>} copies @param {any} acts */
function drawActs(detail, copies, acts) {
  const line = make("p", "ak-acts");
  if (copies.cell) line.append(button("Edit and send again", () => acts.compose(detail.number)));
  for (const [name, text] of Object.entries(copies)) {
    line.append(
      button(`Copy as ${name}`, async () => {
        await copy(text);
        acts.say(`Copied as ${name}`);
      }),
    );
  }
  return line;
}

/** @param {string} title @param {string} text */
function folded(title, text) {
  const box = make("details", "ak-raw");
  box.append(make("summary", "", title), make("pre", "", text, { tabindex: "0" }));
  return box;
}
