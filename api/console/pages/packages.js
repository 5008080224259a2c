// Event enrichment and joins: a package's two streams meeting, whichever is first, and the line of its locations.

import { path } from "../api.js";
import { h, show, showEach, svg } from "../dom.js";
import { count, status, ticking, time } from "../format.js";
import { requestForm } from "../form.js";
import { note, section, table, webUi } from "../parts.js";
import { address } from "../pages.js";

export const title = "Packages";

const SERVICE = "PackageTracker";
const SHOWN = 12; // of the locations, the latest
const LISTED = 20;
const REFRESH = 3000;
const STREAMS = { registration: "registerPackage, over HTTP", locations: "updateLocation, from Kafka or over HTTP" };

export function mount(root, context) {
  const [key] = context.path;
  const about = h(
    "p.note",
    {},
    "A package joins its registration and its locations. What comes first waits for the other; the locations are in the order of their timestamps, however late they come.",
  );
  if (!key)
    return show(
      root,
      about,
      mountList(context),
      forms(context, "package1", () => {}),
    );
  const state = h("div.package");
  const again = watchPackage(state, context, key);
  const heading = h(
    "div.actions",
    {},
    h("a", { href: address("packages") }, "All packages"),
    h("strong.id", {}, key),
    h("span"),
  );
  linkHistory(heading.lastChild, context, key);
  show(root, about, heading, state, forms(context, key, again));
}

function mountList(context) {
  const { frame, body } = table("Packages", ["Package", "Status", "Started", "History"]);
  frame.hidden = true;
  const empty = note();
  const list = section("Packages", frame, empty);
  context.every(
    REFRESH,
    async (signal) => {
      const page = await context.api.get(path(SERVICE), { limit: LISTED }, { signal });
      const row = (each) =>
        h(
          "tr",
          {},
          h("td", {}, h("a.id", { href: address("packages", [each.key]) }, each.key)),
          h("td"),
          h("td"),
          h("td", {}, webUi(each.webUi, "Web UI")),
        );
      showEach(
        body,
        page.executions,
        (each) => each.key,
        row,
        (element, each) => {
          show(element.children[1], each.patternStatus ? status(each.patternStatus) : status(each.status));
          show(element.children[2], time(each.startedAt));
        },
      );
      frame.hidden = !page.executions.length;
      show(
        empty,
        page.executions.length
          ? page.next
            ? `The last ${LISTED} that started.`
            : null
          : "There is no package yet. Send the first message below.",
      );
    },
    list,
  );
  return list;
}

async function linkHistory(place, context, key) {
  const page = await context.run(() =>
    context.api.get("/invocations", { service: SERVICE, key, limit: 1 }, { signal: context.signal }),
  );
  if (page?.executions.length) show(place, webUi(page.executions[0].webUi));
}

/** Show the package in `place` as it changes. Return what looks again at once, for a package that did not exist. */
function watchPackage(place, context, key) {
  const join = h("div.join");
  const stops = h("ol.route", { "aria-label": "Locations, in the order of their timestamps" });
  const line = section("Latest locations", stops, h("p.note"));
  show(place, join, line);
  let isAbsent = false;
  let seen = null;
  const handlers = {
    state: (state) => {
      isAbsent = false;
      show(join, ...joined(state));
      seen = showRoute(line, stops, state, seen);
    },
    absent: () => {
      isAbsent = true;
      line.hidden = true;
      show(join, note(`Neither stream has a message for ${key} yet: send one below.`));
    },
    gone: (problem) => show(place, note(problem.detail)),
  };
  const start = () => context.watch(`${path(SERVICE, key)}/events`, handlers, place);
  let end = start();
  return () => {
    if (!isAbsent) return;
    end();
    end = start();
  };
}

function joined(state) {
  const { "package-info": info, waiting = null } = state;
  const received = info ? info.locations.length : waiting.received;
  const isGivenUp = Boolean(waiting) && new Date(waiting.until) < new Date();
  const registration = stream(
    "Registration",
    STREAMS.registration,
    Boolean(info),
    info ? info.finalDestination : "has not come",
  );
  const locations = stream(
    "Locations",
    STREAMS.locations,
    received > 0,
    received ? count(received, "location") : "none has come",
  );
  return [
    h("div.streams", {}, registration, locations),
    lines(Boolean(info), received > 0),
    outcome(info, waiting, received, isGivenUp),
  ];
}

function stream(name, source, hasCome, what) {
  return h(
    `div.stream.${hasCome ? "done" : "waiting"}`,
    {},
    h("h2", {}, name),
    h("p", {}, what),
    h("p.hint", {}, source),
  );
}

/** The lines of the two streams, which meet; one that has brought nothing is dashed. */
function lines(isRegistered, isLocated) {
  const curve = (from, hasCome) =>
    svg(`path.${hasCome ? "done" : "waiting"}`, {
      d: `M0 ${from} C 30 ${from}, 18 50, 48 50`,
      "stroke-dasharray": hasCome ? null : "4 4",
    });
  return svg(
    "svg",
    { viewBox: "0 0 48 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    curve(24, isRegistered),
    curve(76, isLocated),
  );
}

function outcome(info, waiting, received, isGivenUp) {
  if (isGivenUp)
    return box(
      "failed",
      "given up",
      "No registration came until ",
      time(waiting.until),
      ". The next message starts the package again.",
    );
  if (!info)
    return box(
      "waiting",
      "waits for its registration",
      `${count(received, "location waits", "locations wait")}. Given up `,
      ticking(waiting.until),
      " without it.",
    );
  if (!received) return box("waiting", "waits for its first location", `To ${info.finalDestination}.`);
  return box(
    "done",
    "joined",
    h("strong", {}, info.locations.at(-1).location),
    " on its way to ",
    h("strong", {}, info.finalDestination),
    ".",
  );
}

function box(meaning, words, ...text) {
  return h(`div.joined.${meaning}`, { role: "status" }, h("h2", {}, status(words, meaning)), h("p", {}, text));
}

/** Show the line. A location that was put before others which were there is marked late. Return what has been seen. */
function showRoute(line, stops, state, seen) {
  const { "package-info": info, waiting } = state;
  const all = (info ?? waiting).locations;
  const names = named(all);
  const shown = names.slice(-SHOWN);
  const lastSeen = seen ? names.findLastIndex((each) => seen.has(each.name)) : -1;
  const last = info ? [{ name: "destination", location: info.finalDestination, isDestination: true }] : [];
  const make = (each) => (each.isDestination ? destination() : stop(each, seen && names.indexOf(each) < lastSeen));
  showEach(
    stops,
    [...shown, ...last],
    (each) => each.name,
    make,
    (element, each) => {
      element.querySelector("strong").textContent = each.location;
    },
  );
  line.hidden = !shown.length;
  show(line.lastChild, all.length > SHOWN ? `The latest ${SHOWN} of ${count(all.length, "location")}.` : null);
  return new Set(names.map((each) => each.name));
}

/** The locations, each with a name that stays: equal ones are numbered. */
function named(locations) {
  const known = new Map();
  return locations.map((each) => {
    const text = `${each.timestamp} ${each.location}`;
    known.set(text, (known.get(text) ?? 0) + 1);
    return { ...each, name: `${text} ${known.get(text)}` };
  });
}

function stop(each, isLate) {
  return h(
    "li",
    {},
    h("time", {}, each.timestamp),
    h("strong"),
    isLate ? h("span.status.waiting", {}, "came late") : null,
  );
}

function destination() {
  return h("li.destination", {}, h("span.hint", {}, "destination"), h("strong"));
}

function forms(context, key, again) {
  const fields = [{ name: "key", label: "Package", value: key, required: true }];
  const sent = (_, { key: named }) =>
    named === key && context.path.length ? again() : context.go("packages", [named]);
  const to = (handler) => (values) => ({ target: path(SERVICE, values.key || "package1", handler) });
  const register = requestForm(context, {
    title: "Register the package",
    fields,
    body: { finalDestination: "Bridge 6, Amsterdam" },
    request: to("registerPackage"),
    send: "Register",
    sent,
  });
  const locations = [
    { timestamp: "2024-10-10 13:00", location: "Pinetree Road 5, Paris" },
    { timestamp: "2024-10-10 14:00", location: "Mountain Road 155, Brussels" },
  ];
  const locate = requestForm(context, {
    title: "Update its location",
    fields,
    body: locations[0],
    presets: locations.map((body) => ({ label: body.location.split(", ")[1], body })),
    request: to("updateLocation"),
    send: "Update",
    sent,
  });
  const byKafka = note(
    "A ",
    h("a", { href: address("subscriptions") }, "subscription"),
    " to the topic package-location-updates delivers the same as records of Kafka.",
  );
  return section("Send messages", h("div.pair", {}, register, locate), byKafka);
}
