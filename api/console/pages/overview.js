// How many executions of each service have which status, and the list of them.

import { h, show, showEach } from "../dom.js";
import { distance, meaning, status, time } from "../format.js";
import { invocation, note, section, table, webUi } from "../parts.js";
import { addressOfKey } from "../pages.js";

export const title = "Overview";

const STATUSES = ["SCHEDULED", "RUNNING", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED", "TERMINATED"];
const REFRESH = 5000;
const PAGE = 25;

export function mount(root, context) {
  const filter = { service: "", key: "", status: "", since: "", ...context.query };
  const counts = section("Executions of each pattern");
  const list = section("Executions");
  show(root, counts, list);
  const refresh = mountList(list, context, filter);
  mountCounts(counts, context, (service, name) => {
    Object.assign(filter, { service, status: name, key: "", since: "" });
    refresh();
    list.scrollIntoView({ block: "start" });
  });
}

function mountCounts(place, context, choose) {
  const grid = h("div.counts");
  place.append(grid);
  context.every(
    REFRESH,
    async (signal) => {
      const counted = await context.api.get("/invocations/counts", {}, { signal });
      showEach(
        grid,
        counted,
        (each) => each.service,
        (each) => h("div.card", {}, h("h3", {}, each.service), h("ul.plain")),
        (card, each) => {
          const given = STATUSES.filter((name) => each.counts[name]);
          showEach(
            card.lastChild,
            given.length ? given : [""],
            (name) => name,
            (name) => countRow(each.service, name, choose),
            (row, name) => {
              if (name) row.querySelector("b").textContent = each.counts[name].toLocaleString("en-GB");
            },
          );
        },
      );
    },
    grid,
  );
}

function countRow(service, name, choose) {
  if (!name) return h("li.quiet", {}, "none yet");
  const label = h(
    "button.plain",
    { type: "button", title: "List them", onclick: () => choose(service, name) },
    h("b"),
    " ",
    status(name),
  );
  return h("li", {}, label);
}

function mountList(place, context, filter) {
  const fields = {};
  const form = filters(fields, (event) => (event?.preventDefault(), refresh(true)));
  const { frame, body } = table("Executions", ["Execution", "Status", "State", "Started", "Ended", "History"]);
  const empty = note();
  const pages = h("div.actions");
  const content = h("div", {}, frame, empty, pages);
  place.append(form, content);
  let cursors = [];

  const read = async (signal) => {
    const query = { ...filter, limit: PAGE, cursor: cursors.at(-1) };
    const page = await context.api.get("/invocations", query, { signal });
    showEach(
      body,
      page.executions,
      (each) => `${each.service} ${each.key} ${each.invocationId} ${each.startedAt}`,
      row,
      update,
    );
    frame.hidden = !page.executions.length;
    show(
      empty,
      page.executions.length ? null : page.next ? "None on this page. Read on." : "There are none that match.",
    );
    show(pages, pager(page.next));
  };
  const pager = (next) => [
    cursors.length ? h("button", { type: "button", onclick: () => turn([]) }, "First page") : null,
    next ? h("button", { type: "button", onclick: () => turn([...cursors, next.cursor]) }, "Next page") : null,
    cursors.length ? h("span.quiet", {}, `Page ${cursors.length + 1}`) : null,
  ];
  const turn = (next) => {
    cursors = next;
    again();
  };
  const refresh = (fromFields = false) => {
    for (const [name, field] of Object.entries(fields)) {
      if (fromFields) filter[name] = field.value.trim();
      else field.value = filter[name];
    }
    context.keep(filter);
    turn([]);
  };
  for (const [name, field] of Object.entries(fields)) field.value = filter[name];
  const again = context.every(REFRESH, read, content);
  return refresh;
}

function filters(fields, submit) {
  const services = [
    "AsyncTaskWorker",
    "BookingWorkflow",
    "PaymentTracker",
    "FanOutWorker",
    "UserFeed",
    "PackageTracker",
  ];
  const choice = (name, values, all) => {
    fields[name] = h(
      "select",
      { id: `filter-${name}`, onchange: submit },
      h("option", { value: "" }, all),
      values.map((each) => h("option", { value: each }, each)),
    );
    return fields[name];
  };
  const text = (name, hint) => {
    fields[name] = h("input", { id: `filter-${name}`, placeholder: hint, autocomplete: "off", onchange: submit });
    return fields[name];
  };
  const field = (label, element) => h("div.field", {}, h("label", { for: element.id }, label), element);
  return h(
    "form.filters",
    { onsubmit: submit },
    field("Service", choice("service", services, "all")),
    field("Status", choice("status", STATUSES, "any")),
    field("Key", text("key", "any")),
    field("Started since", text("since", "2026-01-31 13:00")),
  );
}

function row(each) {
  const name = each.invocationId
    ? invocation(each.invocationId)
    : h("a.id", { href: addressOfKey(each.service, each.key) }, `${each.service} ${each.key}`);
  return h(
    "tr",
    {},
    h("td", {}, name),
    h("td"),
    h("td"),
    h("td", {}, time(each.startedAt)),
    h("td"),
    h("td", {}, webUi(each.webUi, "Web UI")),
  );
}

function update(element, each) {
  const cells = element.children;
  const delayed =
    each.status === "SCHEDULED" && each.executionTime ? h("span.quiet", {}, ` ${distance(each.executionTime)}`) : null;
  show(cells[1], status(each.status), delayed);
  show(cells[2], each.patternStatus ? status(each.patternStatus, meaning(each.patternStatus)) : null);
  show(cells[4], time(each.finishedAt));
}
