// What is typed into the inspector's search box, made into a question that is asked of each row.

/**
 * @typedef {{number: number, time: string, direction: "in" | "out", kind: string, action: string,
 *   channel: string, summary: string, size: number | null, connection: string, code: number | null,
 *   ms: number | null, broken: string[], low?: string}} Row
 * @typedef {{found: Map<string, Set<number>>, waiting: Set<number>}} Known
 * @typedef {(row: Row, known: Known) => boolean} Question
 */

// What can be asked of a row by name; each makes a question of a value.
/** @type {Record<string, (value: string) => Question>} */
const KEYS = {
  action: (value) => like((row) => row.action, value),
  dir: (value) => (row) => row.direction === value,
  channel: (value) => like((row) => row.channel, value),
  code: (value) => like((row) => String(row.code ?? ""), value),
  from: (value) => like((row) => row.connection, value),
  is: (value) => (Object.hasOwn(STATES, value) ? STATES[value] : () => false),
};

// What a row can be.
/** @type {Record<string, Question>} */
const STATES = {
  broken: (row) => row.broken.length > 0,
  error: (row) => row.code !== null,
  unanswered: (row, known) => known.waiting.has(row.number),
};

/** Filters that are often wanted: what the chip says, and the term it stands for. */
export const CHIPS = [
  ["sent", "dir:out"],
  ["received", "dir:in"],
  ["messages", "action:MESSAGE"],
  ["errors", "is:error"],
  ["broken rules", "is:broken"],
  ["unanswered", "is:unanswered"],
];

/**
 * Whether what a row has is like a pattern in which * stands for anything.
 * @param {(row: Row) => string} of @param {string} pattern @returns {Question}
 */
function like(of, pattern) {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const regex = new RegExp(`^${parts.join(".*")}$`, "i");
  return (row) => regex.test(of(row));
}

/** @param {string} term @returns {Question} */
function questionOf(term) {
  const size = /^size([<>])([\d.]+)(k?)$/i.exec(term);
  if (size) {
    const limit = Number(size[2]) * (size[3] ? 1024 : 1);
    return size[1] === ">" ? (row) => (row.size ?? -1) > limit : (row) => row.size !== null && row.size < limit;
  }
  const colon = term.indexOf(":");
  const [key, value] = [term.slice(0, colon), term.slice(colon + 1)];
  if (colon > 0 && value && Object.hasOwn(KEYS, key)) return KEYS[key](value);
  const text = term.toLowerCase();
  return (row) => (row.low ??= `${row.action} ${row.channel} ${row.summary}`.toLowerCase()).includes(text);
}

/**
 * The JMESPath expression in what is typed: all after a `?` that begins a word. Empty when there is none.
 * @param {string} typed
 */
export function expressionIn(typed) {
  return (/(?:^|\s)\?(.*)$/s.exec(typed)?.[1] ?? "").trim();
}

/**
 * The question that is typed: words, `action:MESSAGE dir:in channel:chat* code:40160 size>1k is:broken`,
 * each with a `-` before it to be without, and at the end `?` with a JMESPath expression. The kernel
 * answers that last part, by number.
 * @param {string} typed @returns {Question}
 */
export function question(typed) {
  const expression = expressionIn(typed);
  const words = (expression ? typed.slice(0, typed.search(/(^|\s)\?/)) : typed).split(/\s+/);
  const asked = words.filter((word) => word && word !== "?").map((word) => {
    if (word.length < 2 || word[0] !== "-") return questionOf(word);
    const not = questionOf(word.slice(1));
    return /** @type {Question} */ ((row, known) => !not(row, known));
  });
  if (expression) asked.push((row, known) => known.found.get(expression)?.has(row.number) ?? false);
  return (row, known) => asked.every((one) => one(row, known));
}

/**
 * What is typed, with a term put in, or taken out if it is there.
 * @param {string} typed @param {string} term
 */
export function withTerm(typed, term) {
  const words = typed.split(/\s+/).filter(Boolean);
  const without = words.filter((word) => word !== term);
  return (without.length < words.length ? without : [term, ...words]).join(" ");
}
