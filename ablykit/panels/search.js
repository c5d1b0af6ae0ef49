// What is typed into the inspector's search box, made into a question that is asked of each row. It is the
// language of analysis/search.py, which gives its keys to the page; tests/search_examples.json holds both to
// the same answers and the same words.

/**
 * @typedef {{number: number, time: string, direction: "in" | "out", kind: string, action: string,
 *   channel: string, summary: string, size: number | null, connection: string, code: number | string | null,
 *   ms: number | null, answers: number[], broken: string[], low?: string}} Row
 * @typedef {{found: Map<string, Set<number>>, waiting: Set<number>}} Known
 * @typedef {(row: Row, known: Known) => boolean} Question
 * @typedef {{key: string, example: string, another: string, values: string[], signs: string}} Term
 * @typedef {{term: Term, sign: string, value: string, text: string}} Asked a term, and what is asked of it
 */

/** What is typed and can't be asked; the message says what to write instead. */
export class Unasked extends Error {}

const WORD = /(?:[^\s"]|"[^"]*(?:"|$))+/g;
const TERM = /^([a-z]+)([:<>])(?!\/\/)(.*)$/is;
const UNITS = { "": 1, k: 1024, m: 1024 ** 2 };

/** What can be asked of a row by name. @type {Record<string, (asked: Asked) => Question>} */
const KEYS = {
  action: (asked) => like(asked, (row) => row.action),
  channel: (asked) => like(asked, (row) => row.channel),
  code: (asked) => (/^[\d*]+$/.test(asked.value) ? like(asked, (row) => String(row.code ?? "")) : refuse(asked)),
  dir: (asked) => like(asked, (row) => row.direction),
  from: (asked) => like(asked, (row) => row.connection),
  is: (asked) => STATES[asked.value.toLowerCase()] ?? refuse(asked),
  size: sized,
};

/** What a row can be. @type {Record<string, Question>} */
const STATES = Object.assign(Object.create(null), {
  broken: (/** @type {Row} */ row) => row.broken.length > 0,
  error: (/** @type {Row} */ row) => row.code !== null,
  unanswered: (/** @type {Row} */ row, /** @type {Known} */ known) => known.waiting.has(row.number),
  ping: isPing,
});

/** Filters that are often wanted: what the chip says, and the term it stands for. */
export const CHIPS = [
  ["sent", "dir:out"],
  ["received", "dir:in"],
  ["messages", "action:MESSAGE"],
  ["errors", "is:error"],
  ["broken rules", "is:broken"],
  ["unanswered", "is:unanswered"],
];

/** Whether a row is a WebSocket's ping or pong, below all frames. @param {Row} row */
export function isPing(row) {
  return row.kind === "ping" || row.kind === "pong";
}

/** @param {Asked} asked @returns {never} */
function refuse({ term, text }) {
  const examples = term.values.length ? term.values.map((value) => `${term.key}:${value}`) : [term.example, term.another];
  throw new Unasked(`${text} can't be searched for. Write ${examples.filter(Boolean).join(" or ")}`);
}

/**
 * Whether what a row has is like a pattern in which * stands for anything.
 * @param {Asked} asked @param {(row: Row) => string} of @returns {Question}
 */
function like(asked, of) {
  const parts = asked.value.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const whole = new RegExp(`^${parts.join(".*")}$`, "is");
  if (asked.term.values.length && !asked.term.values.some((value) => whole.test(value))) return refuse(asked);
  return (row) => whole.test(of(row));
}

/** @param {Asked} asked @returns {Question} */
function sized(asked) {
  const number = /^(\d+(?:\.\d+)?)([km]?)$/i.exec(asked.value) ?? refuse(asked);
  const limit = Number(number[1]) * UNITS[/** @type {keyof typeof UNITS} */ (number[2].toLowerCase())];
  return asked.sign === ">" ? (row) => (row.size ?? -1) > limit : (row) => row.size !== null && row.size < limit;
}

/** @param {string} word @param {Term[]} terms @returns {Question} */
function questionOf(word, terms) {
  const parts = TERM.exec(word);
  const text = word.replaceAll('"', "");
  const key = parts?.[1].toLowerCase();
  const term = terms.find((each) => each.key === key);
  if (parts && term) {
    const asked = { term, sign: parts[2], value: parts[3].replaceAll('"', ""), text };
    return term.signs.includes(asked.sign) && asked.value ? KEYS[term.key](asked) : refuse(asked);
  }
  if (parts?.[2] === ":") {
    const keys = terms.map((each) => each.key).join(", ");
    throw new Unasked(`There is no search key ${key}. The keys are ${keys}. To search for the text, put it in quotes: "${text}"`);
  }
  const low = text.toLowerCase();
  return (row) => (row.low ??= `${row.action} ${row.channel} ${row.summary}`.toLowerCase()).includes(low);
}

/** The words before a `?` that begins a word, and the rest from it on. @param {string} typed */
function split(typed) {
  const found = [...typed.matchAll(WORD)];
  const mark = found.findIndex(([word]) => word.startsWith("?"));
  const words = found.map(([word]) => word);
  return mark < 0 ? { words, rest: "" } : { words: words.slice(0, mark), rest: typed.slice(found[mark].index).trim() };
}

/**
 * What is typed, to ask. `expression` is for the kernel to answer, by number; `pings` tells whether WebSocket
 * pings are asked for, which are hidden otherwise. Throws `Unasked`.
 * @param {string} typed @param {Term[]} terms
 * @returns {{question: Question, expression: string, pings: boolean}}
 */
export function question(typed, terms) {
  const { words, rest } = split(typed);
  const expression = rest.slice(1).trim();
  const asked = words.map((word) => {
    if (word.length < 2 || word[0] !== "-") return questionOf(word, terms);
    const not = questionOf(word.slice(1), terms);
    return /** @type {Question} */ ((row, known) => !not(row, known));
  });
  if (expression) asked.push((row, known) => known.found.get(expression)?.has(row.number) ?? false);
  const pings = words.some((word) => word.toLowerCase() === "is:ping");
  return { question: (row, known) => asked.every((one) => one(row, known)), expression, pings };
}

/**
 * What is typed, with a term put in, or taken out if it is there.
 * @param {string} typed @param {string} term
 */
export function withTerm(typed, term) {
  const { words, rest } = split(typed);
  const without = words.filter((word) => word !== term);
  return [...(without.length < words.length ? without : [term, ...words]), rest].filter(Boolean).join(" ");
}
