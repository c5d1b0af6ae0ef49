// The icons of all panels, drawn by the page itself: a glyph such as ⏮ needs a font that has it, and comes as an
// emoji in one browser and as an empty box in another.

import { shape } from "./panel.js";

/** What each icon draws, in a square of 16 by 16: strokes in the colour of the text around it. */
const PATHS = {
  first: "M13 3.5v9L6 8zM3.5 3.5v9",
  beside: "M2 3h12v10H2zM9 3v10",
  check: "m3 8.5 3.5 3.5L13 4.5",
  close: "m4 4 8 8m0-8-8 8",
  copy: "M6 5.5h7.5V14H6zM3.5 10.5h-1V2H10v1.5",
  down: "M8 3v10m-4-4 4 4 4-4",
  help: "M5.2 6.2a2.8 2.8 0 1 1 4 2.6c-.8.4-1.2.9-1.2 1.8m0 2.6v.2",
  left: "M13 8H3m4-4L3 8l4 4",
  pause: "M5 3.5v9m6-9v9",
  play: "M4.5 3v10L13 8z",
  previous: "M11.5 3v10L4 8z",
  right: "M3 8h10M9 4l4 4-4 4",
  save: "M8 2v8m-3.5-3L8 10.5 11.5 7M2.5 11v3h11v-3",
  search: "M11 7a4 4 0 1 1-8 0 4 4 0 0 1 8 0m-1 3 3.5 3.5",
  send: "M14 2 2 6.5l4.5 2.5L9 13.5zM6.5 9 14 2",
  step: "M3 3.5v9L10 8zm10 0v9",
  swap: "M3 5h10m-3-3 3 3-3 3M13 11H3m3-3-3 3 3 3",
  up: "M8 13V3M4 7l4-4 4 4",
  warning: "M8 2 1.5 13.5h13zM8 6v4m0 1.5v.2",
};

/**
 * An icon. It says nothing to a screen reader: the words beside it, or its button's label, do.
 * @param {keyof typeof PATHS} name
 */
export function icon(name) {
  const svg = shape("svg", { class: "ak-icon", viewBox: "0 0 16 16", "aria-hidden": "true" });
  svg.append(shape("path", { d: PATHS[name] }));
  return svg;
}

/**
 * Show an icon, and words if there are any, in an element in place of what stood there.
 * @param {HTMLElement} element @param {keyof typeof PATHS} name @param {string} [text]
 */
export function withIcon(element, name, text = "") {
  element.replaceChildren(icon(name), ...(text ? [text] : []));
  element.classList.toggle("ak-bare", !text);
  return element;
}
