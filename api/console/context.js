// What a page works with. All that it starts ends when the visitor leaves the page.

import { Refused } from "./api.js";
import { show } from "./dom.js";
import { wait, watch } from "./events.js";
import { address } from "./pages.js";
import { refusal } from "./parts.js";

export class Context {
  #leaving = new AbortController();
  #troubles = new Map();

  /**
   * `path` are the segments of the address after the page's name, `query` its parameters. `frame` shows messages:
   * `say(text)`, `fail(text)`, `trouble(text or null)`, `signIn()`.
   */
  constructor(api, frame, name, path, query) {
    this.api = api;
    this.name = name;
    this.path = path;
    this.query = query;
    this.signal = this.#leaving.signal;
    this.say = frame.say;
    this.signIn = frame.signIn;
    this.frame = frame;
  }

  leave() {
    this.#leaving.abort();
    this.frame.trouble(null);
  }

  /** Open another page. */
  go(name, path = [], query = {}) {
    location.hash = address(name, path, query);
  }

  /** Write `query` into the address, for the back button and for bookmarks, without leaving the page. */
  keep(query, path = this.path) {
    this.query = query;
    this.path = path;
    history.replaceState(null, "", address(this.name, path, query));
  }

  /** Report what went wrong, as a sentence at the bottom of the window. */
  fail = (error) => {
    if (this.signal.aborted || error.name === "AbortError") return;
    if (!(error instanceof Refused)) console.error(error);
    this.frame.fail(error instanceof Refused ? error.message : `The console has an error: ${error.message}`);
  };

  /** Await `work()`, and report an error. Return its value, undefined after an error. */
  async run(work) {
    try {
      return await work();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /**
   * Do `work(signal)` now, and again `milliseconds` after it ended, while the window is visible. While the gateway does
   * not answer, it is tried again; what it refuses is shown in `place`, and ends this. Return a function that has it
   * done at once.
   */
  every(milliseconds, work, place) {
    const again = { now: () => {} };
    const loop = async () => {
      while (!this.signal.aborted) {
        const pause = new AbortController();
        again.now = () => pause.abort();
        if (!document.hidden && !(await this.#once(work, place, again))) return;
        await wait(milliseconds, AbortSignal.any([this.signal, pause.signal]));
      }
    };
    document.addEventListener("visibilitychange", () => document.hidden || again.now(), { signal: this.signal });
    loop();
    return () => again.now();
  }

  async #once(work, place, source) {
    try {
      await work(this.signal);
      this.#trouble(source, null);
      return true;
    } catch (error) {
      if (this.signal.aborted) return false;
      const isRefused = error instanceof Refused && error.status >= 400 && error.status < 500 && error.status !== 429;
      if (isRefused) show(place, refusal(error, this));
      else if (error instanceof Refused) this.#trouble(source, error.message);
      else this.fail(error);
      return !isRefused && error instanceof Refused;
    }
  }

  /**
   * Watch live events: see `events.js` for the handlers. Unless they say otherwise, a lost connection is shown at the
   * top of the page, and what the gateway refuses in `place`. A browser keeps six connections to a gateway: watch at
   * most four things on a page. Return a function that ends it.
   */
  watch(target, handlers, place) {
    const ending = new AbortController();
    const source = {};
    const isUp =
      (name) =>
      (...given) => (this.#trouble(source, null), handlers[name]?.(...given));
    const all = {
      unavailable: (problem) => this.#trouble(source, problem.detail),
      broken: (message) => this.#trouble(source, message),
      refused: (error) => show(place, refusal(error, this)),
      ...handlers,
      ...Object.fromEntries(["state", "outcome", "gone", "absent"].map((name) => [name, isUp(name)])),
    };
    watch(this.api, target, all, AbortSignal.any([this.signal, ending.signal])).catch(this.fail);
    return () => (ending.abort(), this.#trouble(source, null));
  }

  #trouble(source, message) {
    if (this.signal.aborted) return; // the next page's troubles are shown now
    if (message) this.#troubles.set(source, message);
    else this.#troubles.delete(source);
    const [first] = this.#troubles.values();
    this.frame.trouble(first ? `${first} Trying again.` : null);
  }
}
