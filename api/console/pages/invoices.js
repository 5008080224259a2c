// An invoice on a time axis: its payments above the line, its reminders below, the next one counting down.

import { path, url } from "../api.js";
import { command } from "../command.js";
import { h, show } from "../dom.js";
import { status } from "../format.js";
import { requestForm } from "../form.js";
import { facts, note, section } from "../parts.js";
import { recent } from "../recent.js";
import { timeline } from "../timeline.js";

export const title = "Payment tracker";

const SERVICE = "PaymentTracker";
const ENDS = ["PAID", "VOID", "UNCOLLECTIBLE", "DELETED"];
const EVENTS = {
  PAYMENT_FAILED: { label: "payment failed", meaning: "failed", isAbove: true },
  REMINDER_SENT: { label: "reminder", meaning: "running", sign: "✉" },
  REMINDER_FAILED: { label: "reminder not sent", meaning: "failed" },
  ESCALATED: { label: "ticket for support", meaning: "failed", sign: "!" },
  PAID: { label: "paid", meaning: "done", isAbove: true },
  VOID: { label: "void", meaning: "ended", isAbove: true },
  UNCOLLECTIBLE: { label: "uncollectible", meaning: "ended", isAbove: true },
  DELETED: { label: "deleted", meaning: "ended", isAbove: true },
};

export function mount(root, context) {
  const shown = h("div.shown");
  const list = section("Invoices");
  let end = () => {};
  const choose = (invoice) => {
    end();
    context.keep({}, [invoice]);
    end = mountInvoice(shown, context, invoice);
    fill(closing, invoice);
  };
  const closing = closingForm(context, choose);
  const refresh = recent(list, context, {
    target: path(SERVICE),
    page: "invoices",
    id: (each) => each.key,
    open: choose,
  });
  const failing = failureForm(context, (invoice) => (choose(invoice), refresh()));
  show(root, shown, h("div.forms", {}, failing, closing), signed(), list);
  if (context.path.length) choose(context.path[0]);
  else
    show(
      shown,
      h("h2", {}, "Invoice"),
      note("Report a failed payment, or choose an invoice of the list: reminders follow until it is paid."),
    );
}

function fill(form, invoice) {
  form.elements.invoice.value = invoice;
  form.dispatchEvent(new Event("input"));
}

const newInvoice = () => `invoice${Math.floor(Date.now() / 1000) % 1_000_000}`;
const newEvent = () => `evt_${Math.random().toString(36).slice(2, 12)}`;

function failureForm(context, sent) {
  const body =
    (customer) =>
    ({ event }) => ({
      type: "customer.subscription_created",
      created: 1633025000,
      data: { id: event, ...(customer ? { customer } : {}) },
    });
  return requestForm(context, {
    title: "A payment fails",
    about:
      "The first failure sends a reminder at once, then one each day (setting REMINDER_INTERVAL: make up REMINDER_INTERVAL=10s has one every 10 s).",
    fields: [
      { name: "invoice", label: "Invoice", value: newInvoice(), required: true },
      {
        name: "event",
        label: "Event",
        value: "evt_1JH2Y4F2eZvKYlo2C8b9",
        hint: "Counts once for each invoice.",
        required: true,
      },
    ],
    body: body("cus_J5K2Y4F2eZvKYlo2"),
    presets: [
      { label: "With a customer", body: body("cus_J5K2Y4F2eZvKYlo2") },
      { label: "Without: support gets a ticket", body: body(null) },
    ],
    request: ({ invoice }) => ({ target: `${path(SERVICE, invoice)}/onPaymentFailure/send` }),
    send: "Report the failure",
    sent: (_, { invoice }) => (sent(invoice), { event: newEvent() }),
  });
}

function closingForm(context, sent) {
  const paid = ({ event }) => ({
    type: "invoice.paid",
    created: 1633025100,
    data: { id: event, customer: "cus_J5K2Y4F2eZvKYlo2" },
  });
  const closed =
    (type, how) =>
    ({ event }) => ({ type, created: 1633025100, data: { id: event, status: how } });
  const handlers = ["onPaymentSuccess", "onInvoiceClosed"];
  const preset = (label, handler, body) => ({ label, values: { handler }, body });
  return requestForm(context, {
    title: "The invoice is paid or closed",
    about: "An end stops the reminders and closes the ticket, in whatever order the events arrive.",
    fields: [
      { name: "invoice", label: "Invoice", value: "invoice123", required: true },
      { name: "handler", label: "Handler", value: handlers[0], options: handlers },
      { name: "event", label: "Event", value: newEvent(), required: true },
      { name: "delay", label: "Delay", hint: "Such as 40s." },
    ],
    body: paid,
    presets: [
      preset("Paid", handlers[0], paid),
      preset("Void", handlers[1], closed("invoice.voided", "void")),
      preset("Uncollectible", handlers[1], closed("invoice.marked_uncollectible", "uncollectible")),
    ],
    request: ({ invoice, handler, delay }) => ({
      target: `${path(SERVICE, invoice)}/${handler}/send`,
      query: { delay },
    }),
    send: "Report the end",
    sent: (_, { invoice }) => (sent(invoice), { event: newEvent() }),
  });
}

/** The command that sends an event as Stripe does: the page has not the secret that signs it. */
function signed() {
  const text = [
    `body='{"id": "evt_2", "type": "invoice.paid", "created": 1633025100, "data": {"object": {"id": "invoice123"}}}'`,
    `now=$(date +%s)`,
    `signature=$(printf '%s.%s' "$now" "$body" | openssl dgst -sha256 -hmac "$STRIPE_WEBHOOK_SECRET" -hex | sed 's/.* //')`,
    `curl -X POST '${url("/webhooks/stripe").href}' -H "Stripe-Signature: t=$now,v1=$signature" \\\n  -H 'Content-Type: application/json' -d "$body"`,
  ].join("\n");
  const about =
    "POST /webhooks/stripe takes Stripe's own events, signed with the endpoint's secret, once the gateway has it: make up STRIPE_WEBHOOK_SECRET=whsec_...";
  return command("An event as Stripe sends it, signed", about, text);
}

function mountInvoice(place, context, invoice) {
  const leaving = new AbortController();
  const about = h("div");
  const axis = timeline(
    `What happened to ${invoice}, and what is planned`,
    AbortSignal.any([context.signal, leaving.signal]),
  );
  axis.element.hidden = true;
  show(place, h("h2", {}, "Invoice ", h("span.id", {}, invoice)), about, axis.element);
  const handlers = {
    state: (state) => {
      show(about, description(state));
      axis.set(marks(state), endOf(state));
    },
    absent: (problem) => show(about, note(problem.detail)),
    gone: (problem) => show(about, note(problem.detail)),
  };
  const end = context.watch(`${path(SERVICE, invoice)}/events`, handlers, about);
  return () => (leaving.abort(), end());
}

function description(state) {
  return h(
    "div.shown",
    {},
    h("p", {}, state.reason),
    facts([
      ["Status", status(state.status)],
      ["Customer", state.customer],
      ["Reminders sent", String(state.remindersSent)],
      ["Not sent", state.remindersFailed ? String(state.remindersFailed) : null],
      ["Changed nothing", state.lastIgnored],
    ]),
  );
}

function endOf(state) {
  return ENDS.includes(state.status) ? state.timeline.findLast((each) => ENDS.includes(each.what))?.at : null;
}

function marks(state) {
  let reminders = 0;
  const happened = state.timeline.map(({ at, what }, index) => {
    const isReminder = what.startsWith("REMINDER");
    if (isReminder) reminders += 1;
    const { label, ...mark } = EVENTS[what];
    return {
      ...mark,
      key: `${index} ${what} ${at}`,
      at,
      label: isReminder ? label.replace("reminder", `reminder ${reminders}`) : label,
    };
  });
  const planned = state.planned.map(({ at, action }) => ({
    key: `${action} ${at}`,
    at,
    label: action,
    meaning: "waiting",
    isPlanned: true,
  }));
  return [...happened, ...planned];
}
