// Dead letters of both kinds: tasks that failed for good, and records of Kafka that could not be delivered.

import { path } from "../api.js";
import { h, show, showEach } from "../dom.js";
import { SIGNS, status, time } from "../format.js";
import { LetterList } from "../letter_list.js";
import { facts, invocation, json, note, webUi } from "../parts.js";
import { address, addressOfKey } from "../pages.js";

export const title = "Dead letters";

const SERVICE = "AsyncTaskWorker";
const PAGE = 25;
const TASKS_REFRESH = 4000;
const RECORDS_REFRESH = 30_000; // each reads the dead-letter topic
const SUBSCRIPTIONS_REFRESH = 3000;
const STAGES = { KEY_CONVERTER: "reading its key", VALUE_CONVERTER: "reading its value", TASK_PUT: "delivering it" };
const OUTCOMES = {
  DONE: ["done", "redriven"],
  REDRIVEN: ["done", "redriven"],
  ALREADY_REDRIVEN: ["ended", "redriven before"],
  LEFT: ["waiting", "left: redrive it again"],
  REFUSED: ["failed", "refused"],
  WITHOUT_VALUE: ["failed", "has no value to redrive"],
  UNKNOWN: ["failed", "not there any more"],
};

export function mount(root, context) {
  const { kind = "", subscription = "" } = context.query;
  const about = note(
    "What failed for good waits here. Fix the cause, then redrive: a task runs again under its own ID, a record is sent to the end of its topic, and each is applied once.",
  );
  const records = h("div.letters");
  const choice = h("select", { id: "letters-of" }, choices([], kind));
  choice.addEventListener("change", () => {
    const [of, id] = choice.value.split(" ");
    context.go("dead-letters", [], id ? { subscription: id } : { kind: of });
  });
  show(
    root,
    about,
    h("div.field.letters-of", {}, h("label", { for: choice.id }, "Letters of"), choice),
    subscription || kind === "records" ? null : taskLetters(context),
    kind === "tasks" ? null : records,
  );
  mountRecords(records, context, choice, { kind, subscription });
}

function taskLetters(context) {
  return new LetterList(context, {
    heading: "Failed tasks",
    none: "No task waits for a redrive.",
    refresh: TASKS_REFRESH,
    read: async (after, signal) => {
      const page = await context.api.get(`/${SERVICE}/deadLetters`, { limit: PAGE, ...after }, { signal });
      return { letters: page.deadLetters, next: page.next };
    },
    name: (task) => task.invocationId,
    version: (task) => task.failedAt,
    summary: (task) => [kindOf(task), h("span", {}, task.reason), time(task.failedAt)],
    detail: (task) => [
      facts([
        ["Task", invocation(task.invocationId)],
        ["Failed", time(task.failedAt)],
        ["Attempts", String(task.attempts)],
        ["History", webUi(task.webUi)],
      ]),
      json(task.payload, "Payload"),
    ],
    redrive: async (chosen) => {
      const report = await context.api.post(`/${SERVICE}/deadLetters/redrive`, {
        invocationIds: chosen.map((each) => each.invocationId),
      });
      return report.items.map((each) => reported(each, invocation(each.invocationId)));
    },
  }).element;
}

function kindOf({ kind }) {
  return h("span.status.failed", {}, h("span.sign", { "aria-hidden": "true" }, SIGNS.failed), kind);
}

/** A list of each subscription, read again when its consumers have written letters. */
function mountRecords(place, context, choice, { kind, subscription }) {
  const lists = new Map();
  const none = note("There is no subscription, so there are no records of Kafka.");
  let options = "";
  place.after(none);
  context.every(
    SUBSCRIPTIONS_REFRESH,
    async (signal) => {
      const all = await context.api.get("/subscriptions", {}, { signal });
      const named = JSON.stringify(all.map((each) => each.id));
      if (named !== options) show(choice, choices(all, subscription ? `records ${subscription}` : kind));
      options = named;
      const shown = kind === "tasks" ? [] : all.filter(({ id }) => !subscription || id === subscription);
      for (const each of shown) {
        const written = each.consumers.reduce((sum, consumer) => sum + consumer.deadLettered, 0);
        const known = lists.get(each.id);
        if (!known) lists.set(each.id, { list: recordLetters(context, each), written });
        else if (known.written !== written) known.list.again();
        lists.get(each.id).written = written;
      }
      showEach(
        place,
        shown,
        (each) => each.id,
        (each) => lists.get(each.id).list.element,
      );
      none.hidden = shown.length > 0;
    },
    place,
  );
}

function choices(subscriptions, chosen) {
  const option = (value, text) => h("option", { value, selected: value === chosen }, text);
  const records = subscriptions.map((each) =>
    option(`records ${each.id}`, `${each.source.split("//")[1]} → ${each.sink.split("//")[1]}`),
  );
  return [option("", "all"), option("tasks", "tasks"), option("records", "records of Kafka"), records];
}

function recordLetters(context, { id, source, sink }) {
  const target = `${path("subscriptions", id)}/deadLetters`;
  const [service] = sink.split("//")[1].split("/");
  return new LetterList(context, {
    heading: [
      "Records of ",
      h("a", { href: address("subscriptions", [id]) }, `${source.split("//")[1]} → ${sink.split("//")[1]}`),
    ],
    none: "No record waits for a redrive.",
    refresh: RECORDS_REFRESH,
    read: async (after, signal) => {
      const page = await context.api.get(target, { limit: PAGE, ...after }, { signal });
      return { letters: page.deadLetters, next: page.next, skipped: page.skipped.length };
    },
    name: (letter) => `${letter.source.topic}-${letter.source.partition}-${letter.source.offset}`,
    version: (letter) => `${letter.partition} ${letter.offset}`,
    summary: (letter) => [
      kindOf(letter),
      h("strong.id", {}, letter.key ?? ""),
      h("span", {}, letter.reason),
      time(letter.time),
    ],
    detail: (letter) => recordDetail(letter, service),
    redrive: async (chosen) => {
      const letters = chosen.map(({ partition, offset }) => ({ partition, offset }));
      const report = await context.api.post(`${target}/redrive`, { letters });
      const origin = new Map(chosen.map((each) => [`${each.partition} ${each.offset}`, each.source]));
      return report.letters.map((each) => {
        const from = origin.get(`${each.partition} ${each.offset}`);
        return reported(each, h("span.id", {}, `${from.topic}-${from.partition}-${from.offset}`));
      });
    },
  });
}

function recordDetail(letter, service) {
  const isText = letter.key !== null && !letter.keyIsBase64;
  const key = isText
    ? h("a", { href: addressOfKey(service, letter.key) }, letter.key)
    : letter.key === null
      ? "none"
      : `${letter.key} (base64)`;
  return [
    facts([
      ["Topic", letter.source.topic],
      ["Partition, offset", `${letter.source.partition}, ${letter.source.offset}`],
      ["Key", key],
      ["Failed when", STAGES[letter.stage] ?? letter.stage],
      ["Written", time(letter.time)],
      ["Attempt", String(letter.attempts)],
      ["Letter's partition, offset", `${letter.partition}, ${letter.offset}`],
    ]),
    payload(letter),
  ];
}

function payload(letter) {
  if (letter.value === null) return note("Its value is null, or the dead-letter topic did not accept it.");
  const about = [
    letter.valueIsBase64 ? "Not UTF-8: shown in base64." : null,
    letter.valueIsCut ? `Cut: the letter has ${letter.valueBytes} bytes.` : null,
  ].filter(Boolean);
  return [
    h("pre.json", { tabindex: "0", "aria-label": "Payload" }, pretty(letter.value)),
    about.length ? note(about.join(" ")) : null,
  ];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not JSON: that may be why it is here
  }
}

function reported({ outcome, reason }, what) {
  const [meaning, words] = OUTCOMES[outcome] ?? ["ended", outcome];
  return { outcome: words, meaning, element: [status(words, meaning), " ", what, reason ? `: ${reason}` : ""] };
}
