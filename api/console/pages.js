// The table of pages. A page is a file `pages/NAME.js` that exports
//
//   title                     what the browser's tab says
//   mount(root, context)      fills `root`, an empty element, and starts what it watches
//
// docs/console.md describes `context`. What a page starts through it ends when the visitor leaves the page.

function page(name, label, service = null, isOfKeys = true) {
  return { name, label, service, isOfKeys, load: () => import(`./pages/${name}.js`) };
}

// `service` names the service that the page is of: lists link there, also for its keys if the page shows one by its key.
export const GROUPS = [
  { title: "", pages: [page("overview", "Overview")] },

  { title: "Communication", pages: [page("queue", "Queue", "AsyncTaskWorker", false)] },

  { title: "Orchestration", pages: [page("trips", "Trips", "BookingWorkflow")] },

  {
    title: "Scheduling",
    pages: [page("invoices", "Payment tracker", "PaymentTracker"), page("jobs", "Fan-out", "FanOutWorker", false)],
  },

  {
    title: "Event processing",
    pages: [page("feeds", "User feeds", "UserFeed"), page("packages", "Packages", "PackageTracker")],
  },

  { title: "Operations", pages: [page("subscriptions", "Subscriptions"), page("dead-letters", "Dead letters")] },
];

// Pages that are reached by links only.
const HIDDEN = [page("invocation", "Invocation"), page("key", "Key"), page("search", "Search")];

const ALL = new Map([...GROUPS.flatMap((group) => group.pages), ...HIDDEN].map((each) => [each.name, each]));

export function find(name) {
  return ALL.get(name);
}

/** The address of a page; `path` are its further segments, `query` its parameters. */
export function address(name, path = [], query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const parameters = new URLSearchParams(given).toString();
  return `#/${[name, ...path].map(encodeURIComponent).join("/")}${parameters ? `?${parameters}` : ""}`;
}

/** The page of a service. */
export function pageOf(service) {
  return [...ALL.values()].find((each) => each.service === service);
}

/** Where a key of a service is shown: on the page of its pattern, or as it is. */
export function addressOfKey(service, key) {
  const found = pageOf(service);
  return found?.isOfKeys ? address(found.name, [key]) : address("key", [service, key]);
}
