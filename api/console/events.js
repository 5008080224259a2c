// Live events of the gateway: Server-Sent Events over fetch, because EventSource sends no Authorization header.

import { Refused, url } from "./api.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;
const SILENCE = 40_000; // the gateway sends a comment when nothing changed for 15 s

/**
 * Watch `target`, such as `/invocations/ID/events`, until it ends or `signal` aborts.
 *
 * `handlers` are functions, each optional: `state(data)`, `outcome({status, body})`, `unavailable(problem)`,
 * `gone(problem)`, and of the watch itself `absent(problem)`: it does not exist (yet), `broken(message)`: the
 * connection is lost, and `refused(error)`: the gateway will not show it. After `absent` and `broken` it tries again.
 */
export async function watch(api, target, handlers, signal) {
  const call = (name, ...given) => signal.aborted || handlers[name]?.(...given);
  let lastId = null;
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    try {
      for await (const event of stream(api, target, lastId, signal)) {
        pause = FIRST_PAUSE;
        lastId = event.id ?? lastId;
        call(event.name, event.data);
        if (event.name === "outcome" || event.name === "gone") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) return void call("refused", error);
      if (isAbsent(error)) call("absent", error.problem);
      else call("broken", error instanceof Refused ? error.message : "The connection to the gateway is lost.");
    }
    await wait(pause, signal);
    pause = Math.min(pause * 1.5, LONGEST_PAUSE);
  }
}

function isAbsent(error) {
  return error.status === 404 || (error.status === 409 && error.problem?.type === "urn:problem:not-started");
}

function isFinal(error) {
  const isAnswer = error instanceof Refused && error.status >= 400 && error.status < 500;
  return isAnswer && error.status !== 429 && !isAbsent(error);
}

async function* stream(api, target, lastId, signal) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE);
  let reader = null;
  try {
    const headers = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    const answer = await api.fetch(url(target), { headers, signal: AbortSignal.any([signal, silence.signal]) });
    reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
      const blocks = (text + value).split(/\r?\n\r?\n/);
      text = blocks.pop();
      yield* blocks.map(parse).filter(Boolean);
    }
  } finally {
    clearTimeout(timer);
    reader?.cancel().catch(() => {}); // it may have ended
  }
}

/** The event of a block; null for a comment. */
export function parse(block) {
  const event = { name: "message", id: null, data: [] };
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") event.data.push(value);
  }
  return event.data.length ? { ...event, data: JSON.parse(event.data.join("\n")) } : null;
}

/** Resolves after `milliseconds`, or when `signal` aborts. */
export function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, milliseconds);
    return signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
