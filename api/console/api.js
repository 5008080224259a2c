// The gateway's public HTTP interface, with the visitor's credentials. Every number of the console comes from here.

const BASE = new URL("../", import.meta.url);
const STORED = "patterns-credential";

/** A call that did not succeed. `message` is a sentence for people, `problem` the gateway's problem document. */
export class Refused extends Error {
  constructor(message, status = 0, problem = null) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** A path of these segments, each percent-encoded: `path("UserFeed", user)`. */
export function path(...segments) {
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

export function url(target, query = {}) {
  const found = new URL(target.slice(1), BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") found.searchParams.set(name, value);
  }
  return found;
}

/** The visitor's credential: for this tab only, and until it is closed. */
export class Credentials {
  #asking = null;

  /** `ask(reason)` returns a promise of the credential that the visitor enters. */
  constructor(ask) {
    this.ask = ask;
  }

  get value() {
    return sessionStorage.getItem(STORED);
  }

  forget() {
    sessionStorage.removeItem(STORED);
  }

  /**
   * Ask the visitor for another credential than `refused`. Calls that are refused at the same time ask once. Throws
   * `Refused` if none is entered.
   */
  async replace(refused, reason) {
    if (this.value !== refused) return; // another call has asked since
    this.#asking ??= this.ask(reason).finally(() => (this.#asking = null));
    const entered = await this.#asking;
    if (!entered) throw new Refused("The gateway asks for credentials, and none were entered.", 401);
    sessionStorage.setItem(STORED, entered);
  }
}

export class Api {
  constructor(credentials) {
    this.credentials = credentials;
  }

  get(target, query = {}, options = {}) {
    return this.call("GET", target, { query, ...options });
  }

  post(target, body = undefined, options = {}) {
    return this.call("POST", target, { body, ...options });
  }

  patch(target, body, options = {}) {
    return this.call("PATCH", target, { body, ...options });
  }

  delete(target, options = {}) {
    return this.call("DELETE", target, options);
  }

  /**
   * The answer's JSON. What is empty of `query` and `headers` is left out. Throws `Refused`, and an `AbortError` when
   * the page was left.
   */
  async call(method, target, { query = {}, body = undefined, headers = {}, signal = undefined } = {}) {
    const sent = body === undefined ? {} : { "Content-Type": "application/json" };
    for (const [name, value] of Object.entries(headers)) if (value) sent[name] = value;
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const options = { method, headers: sent, body: text, signal };
    const answer = await this.fetch(url(target, query), options);
    const content = await answer.text();
    return content ? JSON.parse(content) : null;
  }

  /** The answer to a request with the visitor's credentials, which are asked for if they are missing. */
  async fetch(target, options) {
    for (;;) {
      const credential = this.credentials.value;
      const answer = await reach(target, options, credential);
      if (answer.ok) return answer;
      const problem = await problemOf(answer);
      if (answer.status !== 401) throw new Refused(sentence(answer, problem), answer.status, problem);
      await this.credentials.replace(credential, credential ? problem?.detail : null);
    }
  }
}

async function reach(target, options, credential) {
  const authorization = credential ? { Authorization: `Bearer ${credential}` } : {};
  try {
    return await fetch(target, { ...options, headers: { ...options.headers, ...authorization }, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The gateway does not answer.");
  }
}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return null;
  }
}

function sentence(answer, problem) {
  const detail = problem?.detail ?? problem?.title;
  if (!detail) return `The gateway answered ${answer.status} without saying why.`;
  return detail;
}
