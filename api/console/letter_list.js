// A list of dead letters: pages, the details of each, a selection, its redrive, and the report of that.

import { h, show, showEach } from "./dom.js";
import { count, status } from "./format.js";
import { note, section } from "./parts.js";

let lists = 0;

/**
 * A list. `of` has
 *
 *   heading, none      what the list is, and what it says when it is empty
 *   refresh            milliseconds between two reads
 *   read(after, signal)  a page: `{letters, next, skipped}`; `next` is the `after` of the next page
 *   name, version      of a letter: what it is, and which of its failures; together they identify it
 *   summary, detail    of a letter: what its row shows, closed and open
 *   redrive(letters)   redrives them; the report has `{outcome, meaning, element}` of each
 *
 * `element` shows it, and `again()` reads it at once.
 */
export class LetterList {
  #known = new Map();
  #cursors = [];
  #rows = h("ul.plain.letters-list");
  #about = note();
  #report = h("div.report", { role: "status" });
  #all = h("input", { type: "checkbox", id: `letters-${(lists += 1)}` });
  #redriveChosen = h("button.primary", { type: "button", disabled: true });
  #pages = h("span.actions");
  #bar = h(
    "div.actions",
    { hidden: true },
    h("label.choice", { for: this.#all.id }, this.#all, "Select all that are shown"),
    this.#redriveChosen,
    this.#pages,
  );

  constructor(context, of) {
    this.context = context;
    this.of = of;
    this.element = section(of.heading, this.#bar, this.#report, this.#rows, this.#about);
    this.#all.addEventListener("change", () => {
      for (const each of this.#boxes()) each.checked = this.#all.checked;
      this.#choose();
    });
    this.#redriveChosen.addEventListener("click", () => this.#redrive(this.#chosen(), this.#redriveChosen));
    this.again = context.every(of.refresh, (signal) => this.#read(signal), this.#about);
  }

  #boxes() {
    return [...this.#rows.querySelectorAll("input")];
  }

  #chosen() {
    return this.#boxes()
      .filter((each) => each.checked)
      .map((each) => this.#known.get(each.value));
  }

  /** Show what is selected. */
  #choose = () => {
    const number = this.#chosen().length;
    this.#all.checked = number > 0 && number === this.#boxes().length;
    this.#all.indeterminate = number > 0 && !this.#all.checked;
    this.#redriveChosen.disabled = !number;
    this.#redriveChosen.textContent = number ? `Redrive ${count(number, "letter")}` : "Redrive the selected";
  };

  async #read(signal) {
    const { letters, next, skipped } = await this.of.read(this.#cursors.at(-1) ?? {}, signal);
    this.#known = new Map(letters.map((each) => [this.#identity(each), each]));
    showEach(
      this.#rows,
      letters,
      (each) => this.#identity(each),
      (each) => this.#row(each),
    );
    this.#bar.hidden = !letters.length && !this.#cursors.length;
    const others = skipped
      ? ` ${count(skipped, "record")} among them ${skipped === 1 ? "is no letter" : "are no letters"}.`
      : "";
    show(this.#about, letters.length ? others : `${next ? "None on this page: read on." : this.of.none}${others}`);
    show(this.#pages, this.#pager(next));
    this.#choose();
  }

  #pager(next) {
    const turn = (cursors) => () => ((this.#cursors = cursors), this.again());
    const button = (label, cursors) => h("button", { type: "button", onclick: turn(cursors) }, label);
    return [
      this.#cursors.length ? button("First page", []) : null,
      next ? button("Next page", [...this.#cursors, next]) : null,
      this.#cursors.length ? h("span.quiet", {}, `Page ${this.#cursors.length + 1}`) : null,
    ];
  }

  #identity(letter) {
    return `${this.of.name(letter)} ${this.of.version(letter)}`;
  }

  #row(letter) {
    const name = this.of.name(letter);
    const box = h("input", {
      type: "checkbox",
      value: this.#identity(letter),
      "aria-label": `Select ${name}`,
      onchange: this.#choose,
    });
    const one = h("button", { type: "button" }, "Redrive this one");
    one.addEventListener("click", () => this.#redrive([letter], one));
    const detail = h("div.detail", {}, this.of.detail(letter), h("div.actions", {}, one));
    return h("li", {}, box, h("details", {}, h("summary", {}, this.of.summary(letter)), detail));
  }

  async #redrive(letters, button) {
    button.disabled = true;
    const items = await this.context.run(() => this.of.redrive(letters));
    button.disabled = false;
    if (items) show(this.#report, reportOf(items));
    const names = new Set(letters.map((each) => this.#identity(each)));
    for (const each of this.#boxes()) if (names.has(each.value)) each.checked = false;
    this.#choose();
    this.again();
  }
}

function reportOf(items) {
  const totals = new Map();
  for (const { outcome, meaning } of items) {
    const total = totals.get(outcome) ?? { number: 0, meaning };
    totals.set(outcome, { ...total, number: total.number + 1 });
  }
  const words = [...totals].map(([outcome, { number, meaning }]) => [status(`${number} ${outcome}`, meaning), " "]);
  return [
    h("h3", {}, "Report"),
    h("p", {}, words),
    h(
      "ul.plain.log",
      {},
      items.map((each) => h("li", {}, each.element)),
    ),
  ];
}
