// The connection's state machine, drawn: where each state stands, and the arrows between.

import { shape } from "./panel.js";

const [WIDTH, HEIGHT] = [104, 26];

/** The middle of each state's box. @type {Record<string, [number, number]>} */
const PLACES = {
  failed: [290, 20],
  initialized: [60, 90],
  connecting: [205, 90],
  connected: [375, 90],
  closing: [525, 90],
  closed: [670, 90],
  suspended: [60, 160],
  disconnected: [290, 160],
};

/** Where an arrow's label stands, off its middle, so that none lies on another. @type {Record<string, [number, number]>} */
const LABELS = {
  "connecting>disconnected": [-30, 12],
  "disconnected>connecting": [22, -4],
  "connected>disconnected": [66, 6],
  "connecting>failed": [-26, 0],
  "connected>failed": [28, 0],
  "suspended>connecting": [-22, -2],
  "disconnected>suspended": [0, 14],
};

/**
 * The ends of an arrow between two states: on the borders of their boxes; a little to its right where another
 * one goes back, so that they lie side by side.
 * @param {string} start @param {string} end @param {boolean} isOneOfTwo
 * @returns {[number, number, number, number]}
 */
export function ends(start, end, isOneOfTwo) {
  const [[x1, y1], [x2, y2]] = [PLACES[start], PLACES[end]];
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
  const cut = Math.min(WIDTH / 2 / Math.max(Math.abs(dx), 1e-9), HEIGHT / 2 / Math.max(Math.abs(dy), 1e-9));
  const [aside, gap] = isOneOfTwo ? [7, 9] : [0, 3];
  return [
    x1 + dx * cut - dy * aside,
    y1 + dy * cut + dx * aside,
    x2 - dx * (cut + gap) - dy * aside,
    y2 - dy * (cut + gap) + dx * aside,
  ];
}

/**
 * @param {{states: Record<string, string>, transitions: [string, string, string][]}} machine
 * @returns {{svg: Element, light: (state: string, before: string) => void}}
 */
export function drawMachine(machine) {
  const svg = shape("svg", { class: "ak-machine", viewBox: "0 0 730 182", role: "img" });
  const defs = shape("defs", {});
  const tip = shape("marker", {
    id: "ak-tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto",
  });
  tip.append(shape("path", { d: "M0 0 8 4 0 8z", class: "ak-tip" }));
  defs.append(tip);
  svg.append(defs);
  for (const [start, end, why] of machine.transitions) {
    const back = machine.transitions.some(([from, to]) => from === end && to === start);
    const [x1, y1, x2, y2] = ends(start, end, back);
    const key = `${start}>${end}`;
    const [dx, dy] = LABELS[key] ?? [0, -7];
    const group = shape("g", { class: "ak-way", "data-way": key });
    group.append(shape("line", { x1, y1, x2, y2, "marker-end": "url(#ak-tip)" }));
    group.append(shape("text", { x: (x1 + x2) / 2 + dx, y: (y1 + y2) / 2 + dy, "text-anchor": "middle" }, why));
    svg.append(group);
  }
  for (const [state, sentence] of Object.entries(machine.states)) {
    const [x, y] = PLACES[state];
    const group = shape("g", { class: "ak-place", "data-state": state });
    group.append(shape("title", {}, sentence));
    group.append(shape("rect", { x: x - WIDTH / 2, y: y - HEIGHT / 2, width: WIDTH, height: HEIGHT, rx: 6 }));
    group.append(shape("circle", { cx: x - WIDTH / 2 + 11, cy: y, r: 4 }));
    group.append(shape("text", { x, y: y + 4, "text-anchor": "middle" }, state));
    svg.append(group);
  }
  const light = (/** @type {string} */ state, /** @type {string} */ before) => {
    for (const place of svg.querySelectorAll(".ak-place")) {
      place.classList.toggle("ak-here", place.getAttribute("data-state") === state);
    }
    for (const way of svg.querySelectorAll(".ak-way")) {
      way.classList.toggle("ak-gone", way.getAttribute("data-way") === `${before}>${state}`);
    }
    svg.setAttribute("aria-label", `State machine: ${state}${before ? `, before that ${before}` : ""}. ${machine.states[state] ?? ""}`);
  };
  return { svg, light };
}
