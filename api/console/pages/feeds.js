// Users' lanes: posts in order in each of them, and no lane waits for another.

import { path } from "../api.js";
import { command } from "../command.js";
import { h, show, showEach } from "../dom.js";
import { count, SIGNS, status, ticking } from "../format.js";
import { requestForm } from "../form.js";
import { note, section } from "../parts.js";
import { address } from "../pages.js";
import { recent } from "../recent.js";

export const title = "User feeds";

const SERVICE = "UserFeed";
const TOPIC = "social-media-posts";
const LANES = 4; // each holds a connection: see docs/console.md
const REFRESH = 3000;
const FINISHED = 8; // posts that a lane shows of those that are finished
const WAITING = 6; // and of those that wait for their turn
const ENDS = {
  PUBLISHED: { meaning: "done", says: "published" },
  REJECTED: { meaning: "failed", says: "rejected" },
  IN_REVIEW: { meaning: "waiting", says: "went to a person" },
};
const VERDICTS = {
  PENDING: "waits for its turn",
  APPROVED: "approved, waits for its turn",
  REJECTED: "rejected, waits for its turn",
};

const post = (content) => ({ content, metadata: "public" });
const FIRST = post("Hi! This is my first post!");
const SECOND = post("Hi! This is my second post!");
const SLOW = post("This one is slow to moderate.");
const SPAM = post("Buy spam!");
const SCENE = [
  ["userid1", SLOW],
  ["userid2", FIRST],
  ["userid1", FIRST],
  ["userid3", FIRST],
  ["userid2", SECOND],
  ["userid1", SECOND],
  ["userid3", SPAM],
];
const RECORDS = [
  ["userid1", FIRST],
  ["userid2", FIRST],
  ["userid1", SECOND],
];

export function mount(root, context) {
  const lanes = h("div.lanes");
  const ends = new Map();
  let users = [];
  const choose = (chosen) => {
    users = [...new Set(chosen)].slice(-LANES);
    context.keep({}, users);
    for (const [user, end] of ends) if (!users.includes(user)) (end(), ends.delete(user));
    showEach(
      lanes,
      users,
      (user) => user,
      (user) => lane(context, user, ends, () => choose(users.filter((each) => each !== user))),
    );
  };
  const open = (user) => users.includes(user) || choose([...users, user]);
  const list = section("Users");
  const refresh = recent(list, context, {
    target: path(SERVICE),
    page: "feeds",
    id: (each) => each.key,
    open,
    found: (feeds) =>
      users.length ||
      choose(
        feeds
          .slice(0, LANES)
          .map((each) => each.key)
          .reverse(),
      ),
  });
  const sent = (user) => (open(user), refresh());
  const kafka = section("Over Kafka");
  show(root, section("Lanes", scene(context, sent), lanes), form(context, sent), kafka, list);
  mountKafka(kafka, context);
  if (context.path.length) choose(context.path);
}

/** The pattern with one click. */
function scene(context, sent) {
  const button = h("button.primary", { type: "button" }, "Send seven posts");
  button.addEventListener("click", async () => {
    button.disabled = true;
    await context.run(async () => {
      for (const [user, body] of SCENE) {
        await context.api.post(`${path(SERVICE, user)}/processPost/send`, body, { signal: context.signal });
        sent(user);
      }
    });
    button.disabled = false;
  });
  const about = "Of three users. The first one of userid1 is slow: its next posts wait, and the other users' do not.";
  return h("div.actions", {}, button, h("span.quiet", {}, about));
}

function form(context, sent) {
  const preset = (label, body) => ({ label, body });
  return requestForm(context, {
    title: "Send a post",
    about:
      "Moderation is asked again and again until it has decided, every 5 s (setting MODERATION_POLL_INTERVAL): for content with the word slow twelve times. Content with the word spam is rejected.",
    fields: [{ name: "user", label: "User", value: "userid1", required: true }],
    body: FIRST,
    presets: [preset("First post", FIRST), preset("Second post", SECOND), preset("Slow", SLOW), preset("Spam", SPAM)],
    request: ({ user }) => ({ target: `${path(SERVICE, user)}/processPost/send` }),
    sent: (_, { user }) => void sent(user),
  });
}

function lane(context, user, ends, close) {
  const counts = h("p.quiet");
  const list = h("ol.plain.posts", { "aria-label": `Posts of ${user}, in order` });
  const head = h("h3", {}, h("a.id", { href: address("key", [SERVICE, user]) }, user));
  const shut = h("button.plain", { type: "button", "aria-label": `Close the lane of ${user}`, onclick: close }, "✕");
  const handlers = {
    state: (state) => showFeed(context, user, counts, list, state),
    absent: () => show(counts, "No posts yet."),
  };
  ends.set(user, context.watch(`${path(SERVICE, user)}/events`, handlers, counts));
  return h("section.lane", {}, h("div.lane-head", {}, head, shut), counts, list);
}

function showFeed(context, user, counts, place, state) {
  const { published, rejected, queued, inReview } = state;
  show(
    counts,
    `${published} published, ${rejected} rejected, ${queued} queued${inReview.length ? `, ${inReview.length} in review` : ""}`,
  );
  const buttons = (postId) => decision(context, user, postId);
  showEach(
    place,
    posts(state),
    (each) => each.key,
    () => h("li.post"),
    (item, each) => showPost(item, each, buttons),
  );
}

/** The posts that a lane shows, in order. One that a person has decided on is there twice: as its turn ended, and then. */
function posts({ posts: recent, queue, queued, inReview, reviewAt }) {
  const shown = recent.slice(-FINISHED);
  const earlier = inReview.filter((id) => !shown.some((each) => each.postId === id));
  const finished = [...earlier.map((postId) => ({ postId, status: "IN_REVIEW" })), ...shown].map(
    ({ postId, status: name }) => {
      const isOpen = name === "IN_REVIEW" && inReview.includes(postId);
      return {
        key: `${postId} ${name === "IN_REVIEW"}`,
        id: postId,
        ...ENDS[name],
        ...(isOpen ? { says: "a person decides", isOpen } : {}),
      };
    },
  );
  const [current, ...next] = queue;
  const turn = current
    ? [
        {
          key: `${current.postId} false`,
          id: current.postId,
          meaning: "running",
          says: "in moderation",
          until: reviewAt,
        },
      ]
    : [];
  const waiting = next
    .slice(0, WAITING)
    .map(({ postId, verdict }) => ({
      key: `${postId} false`,
      id: postId,
      meaning: "waiting",
      says: VERDICTS[verdict],
    }));
  const more = queued - turn.length - waiting.length;
  const rest = more > 0 ? [{ key: "more", meaning: "ended", says: `and ${count(more, "more post")}` }] : [];
  return [...finished, ...turn, ...waiting, ...rest];
}

function showPost(item, { id, meaning, says, until, isOpen }, buttons) {
  const content = `${says} ${until}`;
  if (item.dataset.content === content) return;
  item.dataset.content = content;
  item.className = `post ${meaning}${until ? " turn" : ""}`;
  const name = id ? h("span.id", { title: id }, id.slice(0, 8)) : null;
  const limit = until ? [h("br"), h("span.hint", {}, "goes to a person ", ticking(until))] : null;
  show(
    item,
    h("span.sign", { "aria-hidden": "true" }, SIGNS[meaning]),
    h("span", {}, name, " ", says, limit, isOpen ? buttons(id) : null),
  );
}

function decision(context, user, postId) {
  const decide = (approved) =>
    context.run(() => context.api.post(`${path(SERVICE, user)}/reviewPost`, { postId, approved }));
  const button = (label, approved) => h("button", { type: "button", onclick: () => decide(approved) }, label);
  return h("div.actions", {}, button("Publish", true), button("Reject", false));
}

function mountKafka(place, context) {
  const state = h("div");
  const subscription = requestForm(context, {
    title: "Subscribe",
    about: `Each record of the topic becomes a post of the user who is the record's key. All users share one partition.`,
    body: {
      source: `kafka://my-cluster/${TOPIC}`,
      sink: `service://${SERVICE}/processPost`,
      options: { "auto.offset.reset": "earliest" },
    },
    request: () => ({ target: "/subscriptions" }),
    send: "Subscribe",
    sent: () => void again(),
  });
  const about = "A browser cannot write to Kafka. On the embedded stack, in the project's folder:";
  place.append(state, subscription, command("Write the seed's records to the topic", about, producer()));
  const again = context.every(
    REFRESH,
    async (signal) => {
      const all = await context.api.get("/subscriptions", {}, { signal });
      const found = all.filter((each) => each.sink === `service://${SERVICE}/processPost`);
      show(
        state,
        found.length
          ? found.map((each) => h("span.said", {}, h("span.id", {}, each.source), " ", status(each.status)))
          : note("No topic is subscribed."),
      );
    },
    state,
  );
}

function producer() {
  const lines = RECORDS.map(([user, body]) => `${user}:${JSON.stringify(body)}`);
  return [
    ".venv/bin/python - <<'END'",
    "import asyncio",
    "from aiokafka import AIOKafkaProducer",
    "",
    `RECORDS = '''${lines.join("\n")}'''`,
    "",
    "async def main():",
    `    async with AIOKafkaProducer(bootstrap_servers="localhost:9092") as producer:`,
    "        for line in RECORDS.splitlines():",
    `            key, value = line.split(":", 1)`,
    `            await producer.send_and_wait("${TOPIC}", value.encode(), key.encode())`,
    "",
    "asyncio.run(main())",
    "END",
  ].join("\n");
}
