// The frame inspector's page. The list draws only the rows that can be seen; all content is text, never
// markup.

import { NOTHING, button, download, make, select, toggle } from "./panel.js";
import { whileAlive } from "./alive.js";
import { withIcon } from "./icons.js";
import { CHIPS, Unasked, question, withTerm } from "./search.js";
import { Shown, emptyStore, placeOf, rowOf, take } from "./store.js";
import { COLUMNS, fitting, handle, template } from "./columns.js";
import { drawDetail } from "./detail.js";
import { drawHelp } from "./help.js";
import { drawRow } from "./row.js";

/** @typedef {import("./store.js").Store} Store */

const ROW_HEIGHT = 26;
const OVERSCAN = 8;
const MOST = 12; // rows in sight
const PAUSE = 250; // ms without typing before an expression is asked of the kernel
const ROOM_BESIDE = 640; // px that the list and a frame beside it need
const USUAL = { width: 400, height: 380 }; // px of the frame explained, beside the list and below it

/** @param {import("./columns.js").Column} column */
const nameOf = (column) => column.name;

/** Hear what the kernel says, once for all views. @param {any} model @param {Store} store */
function listen(model, store) {
  model.on("msg:custom", (/** @type {any} */ message) => {
    take(store, message);
    if (message.file) download(message.file.name, message.file.text, "application/jsonl");
    for (const changed of store.changed) changed();
  });
}

let views = 0;

/** @param {{model: any, el: HTMLElement}} context @param {Store} store */
function render({ model, el }, store) {
  const name = `ablykit-inspector-${(views += 1)}`;
  const { terms, examples } = model.get("language");
  const shown = new Shown();
  let [heartbeats, pings, paused, following, timer, frame] = [true, false, false, true, 0, 0];
  let [asked, typed, problem] = [question("", terms), "", ""];
  const widths = Object.fromEntries(COLUMNS.map((column) => [column.name, column.width]));
  const size = { ...USUAL };
  let columns = COLUMNS;

  const title = make("strong", "ak-title", store.title, { id: `${name}-title` });
  const count = make("span", "ak-count", "", { role: "status" });
  const search = /** @type {HTMLInputElement} */ (
    make("input", "ak-search", "", {
      type: "search",
      placeholder: "Search: words, action:MESSAGE, size>1k, ?error.code …",
      "aria-label": "Search the frames",
      "aria-describedby": `${name}-notice`,
    })
  );
  const bar = make("div", "ak-bar");
  const chips = make("div", "ak-bar ak-chips", "", { role: "group", "aria-label": "Common searches" });
  const help = drawHelp(examples, `${name}-help`, (term) => {
    search.value = withTerm(search.value, term);
    ask();
    search.focus();
  });
  const head = make("div", "ak-head", "", { role: "group", "aria-label": "Columns" });
  const spacer = make("div", "ak-spacer", "", { role: "presentation" });
  const list = make("div", "ak-list", "", { role: "listbox", tabindex: "0", "aria-labelledby": `${name}-title` });
  list.append(spacer);
  const empty = make("p", "ak-empty");
  const notice = make("p", "ak-notice", "", { role: "status", id: `${name}-notice` });
  const detail = make("section", "ak-detail", "", { "aria-label": "The chosen frame, explained", tabindex: "0" });
  const table = make("div", "ak-table");
  const body = make("div", "ak-panes");
  const root = make("section", "ablykit ablykit-inspector", "", { "aria-label": "Frames" });

  /** How the frame is sized beside the list, and below it. @param {"width" | "height"} side */
  const splitter = (side) =>
    handle(`ak-split-${side}`, {
      label: `The frame's ${side}`,
      way: side === "width" ? "column" : "row",
      turned: true,
      least: side === "width" ? 240 : 120,
      most: () => (side === "width" ? Math.max(body.clientWidth - 260, 240) : 900),
      usual: USUAL[side],
      read: () => size[side],
      write: (to) => {
        size[side] = to;
        root.style.setProperty(`--ak-detail-${side}`, `${to}px`);
        lay();
      },
    });

  const drawHead = () => {
    const cells = columns.map((column) => {
      const cell = make("span", `ak-head-${column.name}`, column.title);
      if (!column.says) return cell;
      const sized = {
        label: `Width of ${column.says}`,
        way: /** @type {const} */ ("column"),
        turned: false,
        least: 40,
        most: () => Math.max(list.clientWidth - 240, 40),
        usual: column.width,
        read: () => widths[column.name],
        write: (/** @type {number} */ to) => {
          widths[column.name] = to;
          root.style.setProperty("--ak-columns", template(columns, widths));
        },
      };
      cell.append(handle("ak-split-column", sized));
      return cell;
    });
    head.replaceChildren(...cells);
  };

  /** Lay out anew what depends on how much room there is. */
  const lay = () => {
    root.classList.toggle("ak-beside", model.get("beside") && root.clientWidth >= ROOM_BESIDE);
    widths.number = Math.max(COLUMNS[0].width, String(store.next).length * 7);
    const fits = fitting(list.clientWidth || root.clientWidth, widths, store.names.size > 1);
    root.style.setProperty("--ak-columns", template(fits, widths));
    if (head.childElementCount && String(fits.map(nameOf)) === String(columns.map(nameOf))) return;
    columns = fits;
    drawHead();
  };

  const paint = () => {
    frame = 0;
    const { rows } = shown;
    const first = Math.max(Math.floor(list.scrollTop / ROW_HEIGHT) - OVERSCAN, 0);
    const last = Math.min(first + Math.ceil(list.clientHeight / ROW_HEIGHT) + 2 * OVERSCAN, rows.length);
    const selected = model.get("selected");
    const drawn = rows.slice(first, last).map((row, index) => {
      const element = drawRow(row, store, columns, row.number === selected, `${name}-${row.number}`);
      element.style.top = `${(first + index) * ROW_HEIGHT}px`;
      return element;
    });
    spacer.style.height = `${rows.length * ROW_HEIGHT}px`;
    spacer.replaceChildren(...drawn);
    const isDrawn = drawn.some((element) => element.id === `${name}-${selected}`);
    if (isDrawn) list.setAttribute("aria-activedescendant", `${name}-${selected}`);
    else list.removeAttribute("aria-activedescendant");
  };
  const paintSoon = () => {
    frame ||= requestAnimationFrame(paint);
  };

  /** What is said in place of rows. */
  const nothing = () => {
    if (asked.expression && !store.found.has(asked.expression) && !store.notice) return "Searching …";
    return typed ? "No frames match." : "Nothing has crossed the wire yet.";
  };

  const update = () => {
    if (!paused) shown.update(store, asked.question, typed, { heartbeats: !heartbeats, pings: !pings && !asked.pings });
    title.textContent = store.title;
    const waiting = store.waiting.size ? `, ${store.waiting.size} unanswered` : "";
    const lost = store.lost ? `, ${store.lost} earlier ones fell out` : "";
    count.textContent = `${shown.frames} ${shown.frames === 1 ? "frame" : "frames"}${waiting}${lost}`;
    const { length } = shown.rows;
    showPings.hidden = store.pings === 0;
    showPings.textContent = `Show pings (${store.pings})`;
    empty.hidden = length > 0;
    empty.textContent = nothing();
    list.hidden = head.hidden = length === 0;
    table.classList.toggle("ak-scrolls", length > MOST);
    list.style.height = `${Math.min(Math.max(length, isBeside() ? MOST : 1), MOST) * ROW_HEIGHT + 2}px`;
    if (problem) withIcon(notice, "warning", problem);
    else notice.textContent = store.notice;
    notice.classList.toggle("ak-wrong", problem !== "");
    notice.hidden = !notice.textContent;
    search.setAttribute("aria-invalid", String(problem !== ""));
    back.hidden = store.live;
    const terms = search.value.split(/\s+/);
    for (const chip of /** @type {NodeListOf<HTMLElement>} */ (chips.querySelectorAll("[data-term]"))) {
      chip.setAttribute("aria-pressed", String(terms.includes(chip.dataset.term ?? "")));
    }
    lay();
    paint();
    if (following && !paused) list.scrollTop = list.scrollHeight;
    showDetail();
  };

  const isChosen = () => store.detail && store.detail.number === model.get("selected");
  const isBeside = () => root.classList.contains("ak-beside") && isChosen();

  const showDetail = () => {
    const wanted = isChosen();
    if (wanted && shownDetail !== store.detail) detail.replaceChildren(...drawDetail(store.detail, acts));
    shownDetail = wanted ? store.detail : null;
    body.classList.toggle("ak-open", Boolean(wanted));
    detail.hidden = !wanted;
  };
  /** @type {any} */
  let shownDetail = null;

  /** @param {string} text */
  const say = (text) => {
    store.notice = text;
    update();
  };

  /** Choose a frame that another one leads to, and say so where it is not among the rows. @param {number} number */
  const jump = (number) => {
    select(model, number);
    const isShown = rowOf(shown.rows, number);
    say(isShown ? "" : `#${number} is not among the rows: ${typed ? "the search leaves it out" : "it is hidden"}`);
  };

  const acts = { select: jump, compose: (/** @type {number} */ number) => model.send({ want: "compose", number }), say };

  /** Bring a row into sight, if it is shown at all. @param {number} number */
  const reveal = (number) => {
    if (!rowOf(shown.rows, number)) return;
    const top = placeOf(shown.rows, number) * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
  };

  const onSelect = () => {
    const number = model.get("selected");
    if (number !== NOTHING) model.send({ want: "detail", number });
    reveal(number);
    paint();
    showDetail();
  };

  /** @param {number} by */
  const move = (by) => {
    const { rows } = shown;
    if (rows.length === 0) return;
    const selected = model.get("selected");
    const here = rowOf(rows, selected) ? placeOf(rows, selected) : -1;
    const index = Math.min(Math.max(here < 0 ? rows.length - 1 : here + by, 0), rows.length - 1);
    select(model, rows[index].number);
    reveal(rows[index].number);
  };

  /** Ask what is typed. What can't be asked changes nothing but what is said of it. */
  const ask = () => {
    clearTimeout(timer);
    store.notice = problem = "";
    try {
      asked = question(search.value, terms);
      typed = search.value;
    } catch (error) {
      if (!(error instanceof Unasked)) throw error;
      problem = error.message;
    }
    const { expression } = asked;
    if (expression && !store.found.has(expression)) {
      timer = window.setTimeout(() => model.send({ want: "find", expression }), PAUSE);
    }
    update();
  };

  const follow = toggle("Keep to the end", true, (on) => {
    following = on;
    update();
  });
  const pause = toggle("Pause", false, (on) => {
    paused = on;
    update();
  });
  const hide = toggle("Hide heartbeats", false, (on) => {
    heartbeats = !on;
    update();
  });
  const showPings = toggle("", false, (on) => {
    pings = on;
    update();
  });
  const beside = withIcon(
    toggle("", model.get("beside"), (on) => {
      model.set("beside", on);
      model.save_changes();
    }),
    "beside",
    "Beside",
  );
  beside.title = "Where the chosen frame is explained: beside the list, or below it";
  const clear = button("Clear", () => {
    store.clearedTo = store.next;
    select(model, NOTHING);
    for (const changed of store.changed) changed();
  });
  const file = /** @type {HTMLInputElement} */ (make("input", "", "", { type: "file", "aria-label": "A recording" }));
  file.hidden = true;
  file.addEventListener("change", async () => {
    const [chosen] = file.files ?? [];
    if (chosen) model.send({ want: "open", name: chosen.name, text: await chosen.text() });
    file.value = "";
  });
  const save = button("Save", () => model.send({ want: "save" }), { title: "As a recording, in a file" });
  const open = button("Open …", () => file.click(), { title: "A recording, from a file" });
  const back = button("Back to live", () => model.send({ want: "live" }));
  for (const [text, term] of CHIPS) {
    const use = () => {
      search.value = withTerm(search.value, term);
      ask();
    };
    chips.append(button(text, use, { "aria-pressed": "false", "data-term": term, title: term }));
  }
  chips.append(make("span", "ak-gap"), beside, save, open, back, file);
  bar.append(title, count, search, help.button, pause, follow, hide, showPings, clear);
  table.append(head, list);
  body.append(table, splitter("width"), splitter("height"), detail);
  root.append(bar, chips, help.text, empty, notice, body);
  el.append(root);

  list.addEventListener("scroll", () => {
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - ROW_HEIGHT;
    if (following !== atEnd) {
      following = atEnd;
      follow.setAttribute("aria-pressed", String(atEnd));
    }
    paintSoon();
  });
  list.addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const [link, row] = [target.closest(".ak-jump"), target.closest(".ak-row")];
    if (link instanceof HTMLElement) jump(Number(link.dataset.to));
    else if (row instanceof HTMLElement) select(model, Number(row.dataset.number));
  });
  /** From a frame to its answer, or from an answer to its question. @type {Record<string, (number: number) => number | undefined>} */
  const leads = {
    ArrowRight: (number) => store.answers.get(number),
    ArrowLeft: (number) => rowOf(store.rows, number)?.answers[0],
  };
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9, Enter: 0 };
  list.addEventListener("keydown", (event) => {
    const by = steps[/** @type {keyof typeof steps} */ (event.key)];
    const lead = Object.hasOwn(leads, event.key) ? leads[event.key] : null;
    if (by === undefined && !lead && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    const to = lead?.(model.get("selected"));
    if (to !== undefined) return jump(to);
    if (lead) return undefined;
    if (event.key === "Enter" && model.get("selected") !== NOTHING) return detail.focus();
    if (by !== undefined) return move(by);
    return select(model, NOTHING);
  });
  root.addEventListener("keydown", (event) => {
    if (event.target === search) {
      event.stopPropagation(); // what is typed here is no command of the notebook
      if (event.key !== "Escape") return;
      search.value = "";
      ask();
      list.focus();
    } else if (event.key === "/") {
      event.preventDefault();
      event.stopPropagation();
      search.focus();
    } else if (event.key === "Escape" && detail.contains(/** @type {Node} */ (event.target))) {
      event.stopPropagation();
      list.focus();
    }
  });
  search.addEventListener("input", ask);

  const onBeside = () => {
    beside.setAttribute("aria-pressed", String(model.get("beside")));
    update();
  };
  store.changed.add(update);
  model.on("change:selected", onSelect);
  model.on("change:beside", onBeside);
  const resized = new ResizeObserver(() => {
    lay();
    paintSoon();
  });
  resized.observe(root);
  resized.observe(list);
  update();
  if (!store.isAsking) model.send({ want: "rows", from: store.next });
  store.isAsking = true;
  if (model.get("selected") !== NOTHING) onSelect();
  return () => {
    store.changed.delete(update);
    model.off("change:selected", onSelect);
    model.off("change:beside", onBeside);
    resized.disconnect();
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
}

/** One for each panel in a page: its store serves all its views. */
export default () => {
  const store = emptyStore();
  return {
    initialize: (/** @type {any} */ { model }) => listen(model, store),
    render: whileAlive((context) => render(context, store)),
  };
};
