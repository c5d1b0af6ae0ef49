// What all panels share.

/**
 * An element with a class, text and attributes.
 * @param {string} tag @param {string} name @param {string} [text]
 * @param {Record<string, string>} [attributes]
 */
export function make(tag, name, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
