// Kafka subscriptions: how far each is behind its topic, how fast it catches up, and why it does not.

import { path } from "../api.js";
import { h, show, showEach, svg } from "../dom.js";
import { count, duration, status, ticking } from "../format.js";
import { requestForm } from "../form.js";
import { facts, note, section, table, webUi } from "../parts.js";
import { address } from "../pages.js";

export const title = "Subscriptions";

const REFRESH = 2000;
const SAMPLES = 150;
const NUMBER = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const SINKS = [
  "UserFeed/processPost",
  "PackageTracker/updateLocation",
  "PackageTracker/registerPackage",
  "PaymentTracker/onPaymentFailure",
  "PaymentTracker/onPaymentSuccess",
];

const ABOUT =
  "The lag is the number of records that the consumers have not finished. In flight are calls to the handler that have not ended: the oldest shows how long one takes, or is repeated. Delivered and dead letters are counted since the consumers started.";

export function mount(root, context) {
  const [id] = context.path;
  if (id) mountOne(root, context, id);
  else mountAll(root, context);
}

function mountAll(root, context) {
  const cards = h("div.subscriptions");
  const empty = note();
  const list = section("All subscriptions", cards, empty);
  const again = context.every(
    REFRESH,
    async (signal) => {
      const all = await context.api.get("/subscriptions", {}, { signal });
      showEach(
        cards,
        all,
        (each) => each.id,
        (each) => card(context, each, () => again()),
        (element, each) => element.update(each),
      );
      show(empty, all.length ? ABOUT : "There is none yet: no topic of Kafka is read.");
    },
    list,
  );
  show(root, list, creation(context));
}

function mountOne(root, context, id) {
  const place = h("div.subscriptions");
  const { frame, body } = table("Partitions", [
    "Partition",
    "Lag",
    "Rate",
    "Committed",
    "Acknowledged",
    "Read to",
    "End",
    "Oldest in flight",
    "Dead letters",
    "Last error",
  ]);
  const partitions = section(
    "Partitions",
    frame,
    note(
      "Committed ≤ acknowledged ≤ read to ≤ end, each the offset of the next record. The lag is from committed to end.",
    ),
  );
  const options = section("Options");
  const all = h("a", { href: address("subscriptions") }, "All subscriptions");
  show(root, all, section("This subscription", place, note(ABOUT)), partitions, options);
  let shown = null;
  const handlers = {
    state: (view) => {
      if (!shown) show(place, (shown = card(context, view, () => {})));
      shown.update(view);
      const rows = view.consumers.flatMap((each) => each.partitions).sort((a, b) => a.partition - b.partition);
      showEach(
        body,
        rows,
        (each) => each.partition,
        () => h("tr"),
        (row, each) => show(row, cells(each)),
      );
      partitions.hidden = !rows.length;
      show(options, h("h2", {}, "Options"), facts(Object.entries(view.options)));
    },
    absent: (problem) => {
      shown = null;
      show(place, note(problem.detail));
    },
    gone: (problem) => show(place, note(problem.detail)),
  };
  partitions.hidden = true;
  context.watch(`${path("subscriptions", id)}/events`, handlers, place);
}

function cells(each) {
  const numbers = [
    each.partition,
    each.lag,
    `${NUMBER.format(each.rate)}/s`,
    each.committed,
    each.acknowledged,
    each.position,
    each.end,
    age(each.oldestInFlightSeconds),
    each.deadLettered,
  ];
  return [
    ...numbers.map((value) => h("td", {}, typeof value === "number" ? NUMBER.format(value) : value)),
    h("td.error-text", {}, each.lastError ?? "–"),
  ];
}

function age(seconds) {
  return seconds ? duration(seconds * 1000) : "–";
}

/** A card, with a method `update(view)`. */
function card(context, view, changed) {
  const state = h("span");
  const cause = h("p.cause", { role: "status" });
  const numbers = h("div");
  const curve = h("div.curve");
  const actions = h("div.actions");
  const [source, sink] = [view.source, view.sink].map((each) => each.split("//")[1]);
  const heading = h("h3", {}, h("a", { href: address("subscriptions", [view.id]) }, source, " → ", sink));
  const element = h(
    "article.card",
    { "aria-label": `${source} to ${sink}` },
    h("div.actions", {}, heading, state),
    cause,
    numbers,
    curve,
    actions,
  );
  const samples = [];
  let status_ = null;
  element.update = (seen) => {
    show(state, status(seen.status));
    const totals = sum(seen);
    show(cause, reason(seen, totals));
    show(numbers, figures(seen, totals));
    samples.push(totals);
    samples.splice(0, samples.length - SAMPLES);
    show(
      curve,
      sparkline(
        "Lag",
        samples.map((each) => each.lag),
        " records",
      ),
      sparkline(
        "Rate",
        samples.map((each) => each.rate),
        " records/s",
      ),
    );
    if (status_ === seen.status) return; // the buttons stay: one of them may have the focus
    status_ = seen.status;
    show(actions, buttons(context, seen, changed));
  };
  return element;
}

function sum({ consumers }) {
  const total = (name) => consumers.reduce((all, each) => all + each[name], 0);
  return {
    lag: total("lag"),
    rate: total("rate"),
    inFlight: total("inFlight"),
    stalledKeys: total("stalledKeys"),
    deadLettered: total("deadLettered"),
    delivered: total("delivered"),
    oldest: Math.max(0, ...consumers.map((each) => each.oldestInFlightSeconds)),
  };
}

function reason(view, { stalledKeys }) {
  if (!view.lastError && !stalledKeys) return null;
  const waiting = stalledKeys ? `${count(stalledKeys, "key waits", "keys wait")} for calls that are repeated. ` : "";
  return [waiting, view.lastError ?? "", view.since ? [" Since ", ticking(view.since), "."] : null];
}

function figures(view, totals) {
  const letters = h(
    "a",
    { href: address("dead-letters", [], { subscription: view.id }) },
    NUMBER.format(totals.deadLettered),
  );
  const moves = view.consumers.length > 0;
  return facts([
    ["Consumers", `${view.consumers.length} of ${view.options.consumers}`],
    ["Lag", moves ? count(totals.lag, "record") : "–"],
    ["Rate", moves ? `${NUMBER.format(totals.rate)} records/s` : "–"],
    ["Oldest in flight", age(totals.oldest)],
    ["Calls in flight", NUMBER.format(totals.inFlight)],
    ["Delivered", NUMBER.format(totals.delivered)],
    ["Dead letters", letters],
  ]);
}

/** What a number was since the page is open, the latest at the right. None for one that was always 0. */
function sparkline(name, values, unit) {
  const most = Math.max(...values);
  if (!most) return null;
  const points = values.map(
    (value, index) => `${(100 * index) / Math.max(values.length - 1, 1)},${30 - (28 * value) / most}`,
  );
  const line = svg(
    "svg",
    { viewBox: "0 0 100 31", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polyline", { points: points.join(" ") }),
  );
  return h(
    "div",
    {},
    line,
    h("span.hint", {}, `${name} since this page is open, at most ${NUMBER.format(most)}${unit}`),
  );
}

function buttons(context, view, changed) {
  const target = path("subscriptions", view.id);
  const button = (label, work) => {
    const element = h("button", { type: "button" }, label);
    element.addEventListener("click", async () => {
      element.disabled = true;
      await context.run(work);
      element.disabled = false;
      changed();
    });
    return element;
  };
  const change = (to) => () => context.api.patch(target, { status: to });
  const remove = button("Delete it: its group keeps the offsets", () => context.api.delete(target));
  remove.classList.add("danger");
  remove.hidden = true;
  const ask = h(
    "button",
    { type: "button", onclick: () => ((ask.hidden = true), (remove.hidden = false), remove.focus()) },
    "Delete",
  );
  const isDeleted = view.status === "DELETED";
  return [
    view.status === "RUNNING" ? button("Pause", change("PAUSED")) : null,
    ["PAUSED", "FAILED"].includes(view.status) ? button("Resume", change("RUNNING")) : null,
    isDeleted ? h("span.quiet", {}, "Its consumers drain.") : [ask, remove],
    h("a", { href: address("dead-letters", [], { subscription: view.id }) }, "Dead letters"),
    webUi(view.webUi),
  ];
}

function creation(context) {
  const options = ({ begin, format, consumers }) => ({
    "auto.offset.reset": begin,
    "key.format": format,
    consumers: Number(consumers) || 1,
  });
  const of = (topic, sink) => ({ label: topic, values: { topic, sink } });
  return requestForm(context, {
    title: "Create a subscription",
    about:
      "It delivers each record of a topic to the handler, to the key that the record's key names. Subscribing again returns the one that exists.",
    presets: [of("social-media-posts", SINKS[0]), of("package-location-updates", SINKS[1])],
    fields: [
      { name: "cluster", label: "Cluster", value: "my-cluster", required: true },
      { name: "topic", label: "Topic", value: "social-media-posts", required: true },
      { name: "sink", label: "Handler", value: SINKS[0], options: SINKS },
      {
        name: "begin",
        label: "Begin with",
        value: "earliest",
        options: ["earliest", "latest"],
        hint: "earliest: the oldest record.",
      },
      { name: "format", label: "Keys are", value: "string", options: ["string", "json"] },
      { name: "consumers", label: "Consumers", value: "1", hint: "1 to 16; they share the partitions." },
    ],
    body: (given) => ({
      source: `kafka://${given.cluster}/${given.topic}`,
      sink: `service://${given.sink}`,
      options: options(given),
    }),
    request: () => ({ target: "/subscriptions" }),
    send: "Subscribe",
    sent: (answer) => context.go("subscriptions", [answer.id]),
  });
}
