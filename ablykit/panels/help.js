// What can be searched for, and what the keys do: shown on demand, below the search box.

import { button, make } from "./panel.js";
import { withIcon } from "./icons.js";

/** @type {[string, string][]} */
const HOTKEYS = [
  ["/", "Search"],
  ["↑ ↓", "Choose a frame, also Home, End and the page keys"],
  ["Enter", "Read the chosen frame"],
  ["→ ←", "Go to the frame's answer, and back to what an answer answers"],
  ["Esc", "Go back to the list, or choose nothing"],
];

/**
 * The button that shows the help, and the help. A click on an example searches for it.
 * @param {[string, string][]} examples @param {string} id @param {(term: string) => void} use
 */
export function drawHelp(examples, id, use) {
  const text = make("section", "ak-help", "", { id, "aria-label": "How to search, and keys" });
  const show = withIcon(button("", () => open(text.hidden), { "aria-label": "How to search, and keys", "aria-controls": id, title: "How to search, and keys" }), "help");
  /** @param {boolean} isOpen */
  const open = (isOpen) => {
    text.hidden = !isOpen;
    show.setAttribute("aria-expanded", String(isOpen));
  };
  const terms = make("dl", "ak-terms");
  for (const [example, says] of examples) {
    const name = make("dt", "");
    name.append(button(example, () => use(example)));
    terms.append(name, make("dd", "", says));
  }
  const keys = make("dl", "ak-terms");
  for (const [key, says] of HOTKEYS) {
    const name = make("dt", "");
    name.append(make("kbd", "", key));
    keys.append(name, make("dd", "", says));
  }
  text.append(terms, keys);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    open(false);
    show.focus();
  });
  open(false);
  return { button: show, text };
}
