// What may be written at the caret of a frame: a member's name, or a value that has a name of its own.

/**
 * @typedef {{members: Record<string, [string, string][]>, inside: Record<string, string>,
 *   values: Record<string, [string, string][]>}} Choices
 * @typedef {{from: number, to: number, offers: [string, string][], isKey: boolean}} Completion
 */

const MOST = 8;

/**
 * Where the caret is: the members around it, outermost first, and whether a key or a value stands there.
 * @param {string} text all before the caret
 * @returns {{path: string[], place: "key" | "value", member: string, from: number} | null}
 */
export function placeOf(text) {
  /** @type {{isObject: boolean, key: string, place: "key" | "value"}[]} */
  const stack = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const top = stack.at(-1);
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      if (end < 0) {
        from = at;
        break;
      }
      if (top?.isObject && top.place === "key") top.key = text.slice(at + 1, end);
      at = end;
    } else if (char === "{" || char === "[") {
      stack.push({ isObject: char === "{", key: "", place: char === "{" ? "key" : "value" });
    } else if (char === "}" || char === "]") stack.pop();
    else if (char === ":" && top) top.place = "value";
    else if (char === "," && top?.isObject) top.place = "key";
    if ("{[,:}] \n\t".includes(char)) from = at + 1;
    else if (char === '"') from = at + 1;
  }
  const here = stack.at(-1);
  if (!here?.isObject) return null;
  const path = stack.slice(0, -1).filter((level) => level.isObject).map((level) => level.key);
  return { path, place: here.place, member: here.key, from };
}

/** Where the string that begins at `start` ends; -1 while it does not. @param {string} text @param {number} start */
function endOfString(text, start) {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/**
 * What can be offered at the caret; null for nothing.
 * @param {string} text @param {number} caret @param {Choices} choices @returns {Completion | null}
 */
export function completion(text, caret, choices) {
  const place = placeOf(text.slice(0, caret));
  if (!place) return null;
  /** @type {string | undefined} */
  let type = "ProtocolMessage";
  for (const member of place.path) type = type && choices.inside[`${type}.${member}`];
  if (!type) return null;
  const isKey = place.place === "key";
  const all = isKey ? (choices.members[type] ?? []) : (choices.values[`${type}.${place.member}`] ?? []);
  const typed = text.slice(place.from, caret).replace(/^"/, "").toLowerCase();
  const there = isKey ? text : "";
  const offers = all
    .filter(([name, said]) => name.toLowerCase().startsWith(typed) || (!isKey && said.toLowerCase().startsWith(typed)))
    .filter(([name]) => name.toLowerCase() !== typed && !(there.includes(`"${name}"`) && !typed));
  if (!offers.length || (!typed && isKey && text[place.from] !== '"')) return null;
  return { from: place.from, to: caret, offers: offers.slice(0, MOST), isKey };
}

/**
 * The text with an offer taken, and where the caret is then.
 * @param {string} text @param {Completion} found @param {string} name
 */
export function completed(text, found, name) {
  const rest = text.slice(found.to).replace(/^[\w-]*"?/, found.isKey ? "" : "$&");
  const colon = /^\s*:/.test(rest) ? "" : ": ";
  const put = found.isKey ? `"${name}"${colon}` : name;
  return { text: text.slice(0, found.from) + put + rest, caret: found.from + put.length };
}
