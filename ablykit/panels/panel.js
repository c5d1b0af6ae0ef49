// What all panels share.

/** What selects nothing: the number of no entry. */
export const NOTHING = -1;

/**
 * An element with a class, text and attributes.
 * @param {string} tag @param {string} name @param {string} [text]
 * @param {Record<string, string>} [attributes]
 */
export function make(tag, name, text = "", attributes = {}) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/**
 * An element of a drawing, with attributes and text.
 * @param {string} tag @param {Record<string, string | number>} attributes @param {string} [text]
 */
export function shape(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.textContent = text;
  return element;
}

/**
 * A button, and what it does.
 * @param {string} text @param {() => void} act @param {Record<string, string>} [attributes]
 */
export function button(text, act, attributes = {}) {
  const element = make("button", "ak-button", text, { type: "button", ...attributes });
  element.addEventListener("click", act);
  return element;
}

/**
 * A button that is on or off; `turn` is told which.
 * @param {string} text @param {boolean} on @param {(on: boolean) => void} turn
 */
export function toggle(text, on, turn) {
  const element = button(text, () => {
    const now = element.getAttribute("aria-pressed") !== "true";
    element.setAttribute("aria-pressed", String(now));
    turn(now);
  });
  element.setAttribute("aria-pressed", String(on));
  return element;
}

/**
 * Give the reader a file.
 * @param {string} name @param {string} text @param {string} type
 */
export function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Put text on the clipboard, also where a page may not by itself. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = /** @type {HTMLTextAreaElement} */ (make("textarea", "", ""));
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/**
 * Select an entry, here and in every linked panel.
 * @param {any} model @param {number} number
 */
export function select(model, number) {
  model.set("selected", number);
  model.save_changes();
}
