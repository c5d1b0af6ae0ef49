// The inspector's columns: which of them there is room for, and handles that make things wider and narrower.

import { make } from "./panel.js";

/**
 * @typedef {{name: string, title: string, width: number, says: string}} Column
 * @typedef {{label: string, way: "column" | "row", turned: boolean, least: number, most: () => number, usual: number,
 *   read: () => number, write: (size: number) => void}} Sized
 */

const [GAP, EDGES, STEP] = [8, 22, 16];
const SAYS = 120; // px that what a frame says gets at least, as long as another column can be left out

/** `says` names a column that can be resized; the others have the width of what they hold. @type {Column[]} */
export const COLUMNS = [
  { name: "number", title: "#", width: 34, says: "" },
  { name: "time", title: "time", width: 78, says: "" },
  { name: "who", title: "connection", width: 84, says: "connection" },
  { name: "arrow", title: "", width: 16, says: "" },
  { name: "action", title: "action", width: 128, says: "action" },
  { name: "channel", title: "channel", width: 112, says: "channel" },
  { name: "summary", title: "what it says", width: 0, says: "" },
  { name: "answer", title: "answer", width: 70, says: "" },
  { name: "size", title: "bytes", width: 48, says: "" },
];

/** Which columns are left out first where there is no room; those not named here never are. */
const LEFT_OUT = ["size", "time", "answer", "channel", "number"];

/**
 * The columns that there is room for, in order. Where several connections are shown, what tells them apart stays.
 * @param {number} room px @param {Record<string, number>} widths @param {boolean} several
 */
export function fitting(room, widths, several) {
  let shown = COLUMNS.filter((column) => several || column.name !== "who");
  const taken = () => EDGES + SAYS + shown.reduce((sum, column) => sum + (widths[column.name] ?? 0) + GAP, -GAP);
  for (const name of LEFT_OUT) if (taken() > room) shown = shown.filter((column) => column.name !== name);
  return shown;
}

/** The columns as CSS writes them. @param {Column[]} shown @param {Record<string, number>} widths */
export function template(shown, widths) {
  return shown.map(({ name }) => (name === "summary" ? "minmax(0, 1fr)" : `minmax(0, ${widths[name]}px)`)).join(" ");
}

/**
 * A handle between two things that sets the size of one of them: dragged, or by the arrow keys; Home and End go
 * to its limits, Enter and a double click back to what is usual. `turned` means that it stands before what it sizes.
 * @param {string} name @param {Sized} sized
 */
export function handle(name, sized) {
  const isColumn = sized.way === "column";
  const element = make("div", `ak-handle ${name}`, "", {
    role: "separator",
    tabindex: "0",
    "aria-label": sized.label,
    "aria-orientation": isColumn ? "vertical" : "horizontal",
    title: `${sized.label}: drag, or use the arrow keys; Enter resets it`,
  });
  const sign = sized.turned ? -1 : 1;
  const tell = () => {
    element.setAttribute("aria-valuemin", String(sized.least));
    element.setAttribute("aria-valuemax", String(Math.round(sized.most())));
    element.setAttribute("aria-valuenow", String(Math.round(sized.read())));
  };
  /** @param {number} size */
  const set = (size) => {
    sized.write(Math.round(Math.min(Math.max(size, sized.least), sized.most())));
    tell();
  };
  element.addEventListener("pointerdown", (event) => {
    const [from, size] = [isColumn ? event.clientX : event.clientY, sized.read()];
    element.setPointerCapture(event.pointerId);
    element.onpointermove = (moved) => set(size + sign * ((isColumn ? moved.clientX : moved.clientY) - from));
    element.onpointerup = element.onpointercancel = () => (element.onpointermove = null);
  });
  element.addEventListener("dblclick", () => set(sized.usual));
  element.addEventListener("keydown", (event) => {
    const [less, more] = isColumn ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const sizes = {
      [less]: sized.read() - sign * STEP,
      [more]: sized.read() + sign * STEP,
      Home: sized.least,
      End: sized.most(),
      Enter: sized.usual,
    };
    if (!Object.hasOwn(sizes, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    set(sizes[event.key]);
  });
  element.addEventListener("focus", tell);
  tell();
  return element;
}
