// Times, durations and statuses, as people read them.

import { h } from "./dom.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** The clock time of today, date and time of another day or if `isDated`; the exact time as a tooltip. */
export function time(iso, isDated = false) {
  if (!iso) return h("span.quiet", {}, "–");
  const date = new Date(iso);
  const isClock = !isDated && date.toDateString() === new Date().toDateString();
  return h("time", { datetime: iso, title: iso }, (isClock ? CLOCK : DATE).format(date));
}

/** Milliseconds as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds) {
  const span = Math.max(0, milliseconds);
  if (span < SECOND) return `${(span / SECOND).toFixed(1)} s`;
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return two(span, MINUTE, "min", SECOND, "s");
  if (span < DAY) return two(span, HOUR, "h", MINUTE, "min");
  return two(span, DAY, "d", HOUR, "h");
}

function two(span, size, unit, smaller, smallerUnit) {
  const rest = Math.floor((span % size) / smaller);
  return `${Math.floor(span / size)} ${unit}${rest ? ` ${rest} ${smallerUnit}` : ""}`;
}

/** `in 12 s`, `3 min 20 s ago`. */
export function distance(iso, now = Date.now()) {
  const span = new Date(iso).getTime() - now;
  return span > 0 ? `in ${duration(span)}` : `${duration(-span)} ago`;
}

/** `distance` of a time, which counts on: the frame writes it again each second. */
export function ticking(iso) {
  return h("time.ticks", { datetime: iso, title: iso, "data-ticks": iso }, distance(iso));
}

/** Write every `ticking` time of the page again. */
export function tick() {
  const now = Date.now();
  for (const each of document.querySelectorAll("[data-ticks]")) each.textContent = distance(each.dataset.ticks, now);
}

/** A sentence of the gateway, without pictures: not every machine has a font for them. */
export function plain(text) {
  return text.replace(/\p{Extended_Pictographic}\uFE0F?\s*/gu, "");
}

export function count(number, one, many = `${one}s`) {
  return `${new Intl.NumberFormat("en-GB").format(number)} ${number === 1 ? one : many}`;
}

// Five meanings, each with a colour and a sign, since colour alone does not reach everyone.
export const SIGNS = { running: "▶", waiting: "◷", done: "✓", failed: "✕", undone: "↶", ended: "■" };

const MEANINGS = {
  ...all("running", "RUNNING BOOKING WORKING"),
  ...all("waiting", "SCHEDULED PAUSED PENDING OPEN FULL REMINDING IN_REVIEW WAITING_FOR_REGISTRATION QUEUED"),
  ...all("done", "COMPLETED BOOKED DONE PAID PUBLISHED REGISTERED RESOLVED"),
  ...all("failed", "FAILED TIMED_OUT COMPENSATION_STUCK STUCK ESCALATED UNCOLLECTIBLE REJECTED GIVEN_UP"),
  ...all("undone", "COMPENSATING"),
};

function all(meaning, names) {
  return Object.fromEntries(names.split(" ").map((name) => [name, meaning]));
}

/** `running`, `waiting`, `done`, `failed`, `undone` (compensated), or `ended`, which is none of these. */
export function meaning(status) {
  return MEANINGS[status] ?? "ended";
}

/** A status with its colour and sign; `as` says its meaning where the name alone does not. */
export function status(name, as = meaning(name)) {
  const words = name.toLowerCase().replaceAll("_", " ");
  return h(`span.status.${as}`, {}, h("span.sign", { "aria-hidden": "true" }, SIGNS[as]), words);
}
