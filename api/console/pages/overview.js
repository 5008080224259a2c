// How many executions of each service have which status, and the list of them.

import { Refused } from "../api.js";
import { h, show, showEach } from "../dom.js";
import { distance, meaning, status, time } from "../format.js";
import { invocation, note, section, table, webUi } from "../parts.js";
import { address, addressOfKey, pageOf } from "../pages.js";

export const title = "Overview";

const STATUSES = ["SCHEDULED", "RUNNING", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED", "TERMINATED"];
const REFRESH = 5000;
const PAGE = 25;

export function mount(root, context) {
  const about = note("Each pattern has a page: send requests there, and see what becomes of them.");
  const counts = section("Executions of each pattern", about);
  const list = section("Executions");
  show(root, counts, list);
  const filter = new Filter(context.query);
  const read = mountList(list, context, filter);
  const choose = (service, name) => {
    filter.set({ service, status: name });
    read();
    list.scrollIntoView({ block: "start" });
  };
  mountCounts(counts, context, filter, choose);
}

function mountCounts(place, context, filter, choose) {
  const grid = h("div.counts");
  place.append(grid, h("p.hint", {}, "What waits for the end of its delay counts as running."));
  const card = ({ service }) => h("div.card", {}, h("h3", {}, nameOfPattern(service)), h("ul.plain"));
  const update = (element, { service, counts }) => {
    const given = STATUSES.filter((name) => counts[name]);
    const names = given.length ? given : [""];
    const write = (row, name) => {
      if (name) row.querySelector("b").textContent = counts[name].toLocaleString("en-GB");
    };
    const make = (name) => counted(name, () => choose(service, name));
    showEach(element.lastChild, names, (name) => name, make, write);
  };
  const read = async (signal) => {
    const found = await context.api.get("/invocations/counts", {}, { signal });
    showEach(grid, found, (each) => each.service, card, update);
    filter.offer(found.map((each) => each.service));
  };
  context.every(REFRESH, read, grid);
}

function nameOfPattern(service) {
  const page = pageOf(service);
  const hint = h("span.hint", {}, service);
  return page ? [h("a", { href: address(page.name) }, page.label), hint] : hint;
}

function counted(name, choose) {
  if (!name) return h("li.quiet", {}, "none yet");
  const properties = { type: "button", title: "List them", onclick: choose };
  return h("li", {}, h("button.plain", properties, h("b"), " ", status(name)));
}

/** The conditions of the list, as a form. */
class Filter {
  constructor(query) {
    this.service = h("select", { id: "filter-service" }, h("option", { value: "" }, "all"));
    this.status = h("select", { id: "filter-status" }, h("option", { value: "" }, "any"), STATUSES.map(option));
    this.key = h("input", { id: "filter-key", placeholder: "any", autocomplete: "off" });
    this.since = h("input", { id: "filter-since", placeholder: "2026-01-31 13:00", autocomplete: "off" });
    this.set(query);
  }

  /** These conditions, and no others. */
  set(query) {
    if (query.service) this.offer([query.service]);
    for (const name of ["service", "status", "key", "since"]) this[name].value = query[name] ?? "";
  }

  get() {
    const names = ["service", "status", "key", "since"];
    return Object.fromEntries(names.map((name) => [name, this[name].value.trim()]));
  }

  /** Let the visitor choose one of these services. */
  offer(services) {
    const offered = [...this.service.options].map((each) => each.value);
    this.service.append(...services.filter((each) => !offered.includes(each)).map(option));
  }

  form(changed) {
    const fields = { Service: this.service, Status: this.status, Key: this.key, "Started since": this.since };
    const field = ([label, input]) => h("div.field", {}, h("label", { for: input.id }, label), input);
    const submit = (event) => (event.preventDefault(), changed());
    return h("form.filters", { onsubmit: submit, onchange: changed }, Object.entries(fields).map(field));
  }
}

function option(name) {
  return h("option", {}, name);
}

/** Return what reads the list again, from its first page. */
function mountList(place, context, filter) {
  const { frame, body } = table("Executions", ["Execution", "Status", "State", "Started", "Ended", "History"]);
  frame.hidden = true;
  const words = note();
  const pages = h("div.actions");
  const content = h("div", {}, frame, words, pages);
  let cursors = [];

  const read = async (signal) => {
    const { executions, next } = await page(context, { ...filter.get(), cursor: cursors.at(-1) }, words, signal);
    showEach(body, executions, nameOf, row, update);
    frame.hidden = !executions.length;
    show(pages, turns(cursors, next, turn));
  };
  const turn = (to) => {
    cursors = to;
    again();
  };
  const first = () => {
    context.keep(filter.get());
    turn([]);
  };
  place.append(filter.form(first), content);
  const again = context.every(REFRESH, read, content);
  return first;
}

/** A page of the list; one without executions, and the reason in `words`, if the visitor's conditions are refused. */
async function page(context, query, words, signal) {
  try {
    const found = await context.api.get("/invocations", { ...query, limit: PAGE }, { signal });
    const isFiltered = Object.values(query).some(Boolean);
    const nothing = isFiltered ? "There are none that match." : "There are none yet: nothing was sent.";
    const none = found.next ? "None on this page. Read on." : nothing;
    show(words, found.executions.length ? null : none);
    return found;
  } catch (error) {
    if (!(error instanceof Refused) || ![400, 422].includes(error.status)) throw error;
    show(words, error.message);
    return { executions: [], next: null };
  }
}

function turns(cursors, next, turn) {
  const button = (label, to) => h("button", { type: "button", onclick: () => turn(to) }, label);
  return [
    cursors.length ? button("First page", []) : null,
    next ? button("Next page", [...cursors, next.cursor]) : null,
    cursors.length ? h("span.quiet", {}, `Page ${cursors.length + 1}`) : null,
  ];
}

function nameOf({ service, key, invocationId, startedAt }) {
  return `${service} ${invocationId ?? key} ${startedAt}`;
}

function row(each) {
  const name = each.invocationId
    ? invocation(each.invocationId)
    : h("a.id", { href: addressOfKey(each.service, each.key) }, `${each.service} ${each.key}`);
  const link = h("td", {}, webUi(each.webUi, "Web UI"));
  return h("tr", {}, h("td", {}, name), h("td"), h("td"), h("td", {}, time(each.startedAt)), h("td"), link);
}

function update(element, each) {
  const cells = element.children;
  const isDelayed = each.status === "SCHEDULED" && each.executionTime;
  const delay = isDelayed ? h("span.quiet", {}, ` ${distance(each.executionTime)}`) : null;
  show(cells[1], status(each.status), delay);
  show(cells[2], each.patternStatus ? status(each.patternStatus, meaning(each.patternStatus)) : null);
  show(cells[4], time(each.finishedAt));
}
