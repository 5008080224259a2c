// A trip as a line: its steps from left to right, and from where it failed back, undo after undo.

import { path, url } from "../api.js";
import { h, show, showEach } from "../dom.js";
import { plain, SIGNS, status } from "../format.js";
import { requestForm } from "../form.js";
import { facts, invocation, note, section, webUi } from "../parts.js";
import { recent } from "../recent.js";

export const title = "Trips";

const SERVICE = "BookingWorkflow";
const STEPS = ["reserve flight", "reserve car", "charge card", "confirm flight", "confirm car"];
const UNDONE_STEP = { "cancel flight": "reserve flight", "cancel car": "reserve car", "refund payment": "charge card" };
const UNDOING = ["COMPENSATING", "COMPENSATION_STUCK", "FAILED", "CANCELLED"];
const LISTED = 12;

const DECLINED = {
  flights: { flightId: "12345", passengerName: "John Doe" },
  car: { pickupLocation: "Airport", rentalDate: "2024-12-16" },
  paymentInfo: { cardNumber: "4111111111111111", amount: 1500 },
};
const PAID = { ...DECLINED, paymentInfo: { ...DECLINED.paymentInfo, cardNumber: "4242424242424242" } };

export function mount(root, context) {
  const shown = h("div");
  const list = section("Trips");
  let end = () => {};
  const choose = (trip) => {
    end();
    context.keep({}, [trip]);
    end = mountTrip(shown, context, trip);
  };
  const refresh = recent(list, context, {
    target: `/${SERVICE}`,
    page: "trips",
    id: (each) => each.key,
    open: choose,
    limit: LISTED,
  });
  const booked = (trip) => (choose(trip), refresh(), { trip: nextTrip() });
  show(root, shown, booking(context, booked), list);
  if (context.path.length) choose(context.path[0]);
  else show(shown, note("Book a trip, or choose one of the list."));
}

function nextTrip() {
  return `trip${Math.floor(Date.now() / 1000) % 1_000_000}`;
}

function booking(context, booked) {
  return requestForm(context, {
    title: "Book a trip",
    about: "The card 4111 1111 1111 1111 is declined: what was booked until then is undone, in reverse.",
    fields: [
      { name: "trip", label: "Trip", value: nextTrip(), hint: "The same trip is booked once.", required: true },
      { name: "delay", label: "Delay", hint: "Such as 10s. Without one it starts now." },
    ],
    body: DECLINED,
    presets: [
      { label: "A card that is declined", body: DECLINED },
      { label: "A card that pays", body: PAID },
    ],
    request: ({ trip, delay }) => ({ target: `${path(SERVICE, trip)}/run/send`, query: { delay } }),
    send: "Book",
    sent: (_, { trip }) => booked(trip),
  });
}

/** Show a trip as it changes: the state of its key, and its outcome. Return what ends it. */
function mountTrip(place, context, trip) {
  const heading = h("div");
  const links = h("div.actions");
  const line = h("ol.trip", { "aria-label": "Steps of the trip" });
  const reason = h("div");
  const decision = h("div");
  show(place, section(`Trip ${trip}`, h("div.actions", {}, heading, links), line, reason, decision));
  const target = path(SERVICE, trip);
  const ends = [];
  let isAsked = false;
  const watchOutcome = async () => {
    if (isAsked) return;
    isAsked = true;
    const answer = await context.run(() => context.api.fetch(url(target), { signal: context.signal }));
    if (!answer) return;
    const about = { id: answer.headers.get("Invocation-Id"), link: /<(.*)>/.exec(answer.headers.get("Link"))?.[1] };
    show(links, invocation(about.id), webUi(about.link));
    const outcome = ({ status: code, body }) => show(reason, ended(code, body));
    ends.push(context.watch(`${path("invocations", about.id)}/events`, { outcome, absent: () => {} }, reason));
  };
  const handlers = {
    state: (state) => {
      watchOutcome();
      draw(line, state);
      show(heading, status(state.status));
      offerDecision(decision, context, trip, state);
    },
    absent: (problem) => (show(heading, note(problem.detail)), show(line)),
  };
  ends.push(context.watch(`${target}/events`, handlers, heading));
  return () => ends.forEach((end) => end());
}

function ended(code, body) {
  if (code !== 200) return h("p", {}, plain(body.detail));
  const booked = { flightReservationId: "Flight", carReservationId: "Car", paymentId: "Payment" };
  const reservations = Object.entries(booked).map(([name, label]) => [label, h("span.id", {}, body[name])]);
  return facts([["Paid", `${body.amountCents} cents, card ${body.card}`], ...reservations]);
}

/** The steps in the order in which they run, and after the one that failed the undos in theirs. */
function draw(line, state) {
  const isTurned = UNDOING.includes(state.status);
  const reached = STEPS.filter((step) => state.done.includes(step)).length;
  const steps = STEPS.map((name, index) => ({
    name,
    column: index + 1,
    row: 1,
    as: stepAs(index, reached, isTurned, state),
  }));
  const undos = isTurned ? state.compensations.map((each) => ({ ...undo(each), row: 2 })) : [];
  const turn = reached + 1; // the column of the step that failed
  const passed = undos.map((each) => each.column);
  const between = [];
  if (undos.length)
    for (let column = Math.max(...passed) + 1; column <= turn && column <= STEPS.length; column += 1)
      between.push(column);
  const bends = between.reverse().map((column) => ({ name: "", column, row: 2, as: "undone", isBend: true }));
  const marks = [...steps, ...bends, ...undos];
  line.classList.toggle("turned", undos.length > 0);
  showEach(
    line,
    marks,
    (each) => `${each.row} ${each.column}`,
    makeMark,
    (element, each) => updateMark(element, each, turn, isTurned && undos.length),
  );
}

function stepAs(index, reached, isTurned, state) {
  if (index < reached) return "done";
  if (index > reached) return "ahead";
  return isTurned ? (state.status === "CANCELLED" ? "ended" : "failed") : "running";
}

const UNDO_AS = { REGISTERED: "ahead", RUNNING: "running", STUCK: "failed", DONE: "undone", RESOLVED: "undone" };

function undo({ name, status: progress, note: words }) {
  return {
    name,
    column: STEPS.indexOf(UNDONE_STEP[name]) + 1,
    as: UNDO_AS[progress],
    words: words || (progress === "STUCK" ? "stuck: keeps failing" : ""),
  };
}

function makeMark() {
  return h("li.mark", {}, h("span.dot", { "aria-hidden": "true" }), h("span.name"), h("span.sr"), h("span.hint"));
}

const SAID = {
  ahead: "not started",
  running: "running",
  done: "done",
  failed: "failed",
  undone: "undone",
  ended: "cancelled",
};

function updateMark(element, each, turn, hasUndos) {
  element.className = `mark ${each.as}`;
  element.classList.toggle("back", each.row === 2);
  element.classList.toggle("bend", Boolean(each.isBend));
  element.classList.toggle("turn", hasUndos && each.column === turn);
  element.classList.toggle(
    "last",
    each.row === 1 && (each.column === STEPS.length || (hasUndos && each.column >= turn)),
  );
  element.setAttribute("aria-hidden", String(Boolean(each.isBend)));
  element.style.setProperty("--column", each.column);
  element.style.setProperty("--row", each.row);
  const [dot, name, said, words] = element.children;
  dot.textContent = each.isBend ? "" : (SIGNS[each.as] ?? "");
  name.textContent = each.name;
  said.textContent = each.isBend ? "" : `: ${SAID[each.as]}`;
  words.textContent = each.words ?? "";
}

/** What a person decides about an undo that keeps failing. */
function offerDecision(place, context, trip, state) {
  const stuck = state.compensations.find((each) => each.status === "STUCK");
  if (place.dataset.stuck === (stuck?.name ?? "")) return;
  place.dataset.stuck = stuck?.name ?? "";
  if (!stuck) return void show(place);
  const form = requestForm(context, {
    title: `Decide on: ${stuck.name}`,
    about: "Have it retried now, or write in a note what was done by hand instead.",
    body: { compensation: stuck.name, retry: true },
    presets: [
      { label: "Retry", body: { compensation: stuck.name, retry: true } },
      { label: "Done by hand", body: { compensation: stuck.name, note: "Cancelled by phone." } },
    ],
    request: () => ({ target: `${path(SERVICE, trip)}/resolveCompensation` }),
    send: "Decide",
  });
  show(place, form);
}
