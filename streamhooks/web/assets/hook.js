// One hook: its chart, requests, pending calls, dead letters and settings, with all actions.

import { attemptsTable, facts, pendingTable } from "./attempts.js";
import { Problem, call, get, getIfKnown, hookPath } from "./api.js";
import { change, removeHook, rotate } from "./changing.js";
import { chart } from "./chart.js";
import { confirm, showSecret } from "./dialogs.js";
import { lettersTable, redriveMatching } from "./dead_letters.js";
import { inWords, readDefaults, shown } from "./defaults.js";
import { button, copyable, fill, h, write } from "./dom.js";
import { absolute, ago, at, count } from "./format.js";
import { FIELDS } from "./hook_fields.js";
import { isApp, kindOf, projectsOf, stateBadges, titleOf } from "./hook_state.js";
import { live } from "./live.js";
import { enable, missedPanel, replay } from "./replay.js";
import { OBSERVED } from "./tables.js";
import { test } from "./testing.js";

const ROLLUPS = [
  ["hour", "Last hour", "10s", 10, 3600],
  ["week", "7 days", "1h", 3600, 7 * 86_400],
  ["quarter", "90 days", "1d", 86_400, 90 * 86_400],
];
const LATEST = 50;

export function hookView(signal, _query, id) {
  const title = h("h1", { tabindex: "-1", class: "url", dir: "auto" }, `Hook ${id.slice(0, 8)}…`);
  const description = h("p", { dir: "auto" });
  const states = h("p", { class: "badges" });
  const why = h("p", { class: "hint" });
  const about = h("div");
  const bar = h("div", { class: "actions" });
  const gone = h("p", { class: "empty", hidden: true }, "This hook does not exist (any more). ", h("a", { href: "#/" }, "All hooks"));
  let hook = null;
  let defaults = null;

  const content = h("div", { hidden: true });
  const missed = missedPanel(id, signal, () => hook?.status === "disabled");

  const readHook = live(signal, 4, async () => {
    try {
      hook = await get(hookPath(id), {}, signal);
    } catch (problem) {
      if (!(problem instanceof Problem && problem.status === 404)) throw problem;
      [content.hidden, gone.hidden] = [true, false];
      return;
    }
    if (signal.aborted) return;
    [content.hidden, gone.hidden] = [false, true];
    write(title, titleOf(hook));
    write(description, hook.description ?? "");
    document.title = `${titleOf(hook)} · streamhooks`;
    fill(states, stateBadges(hook));
    again.disabled = hook.status !== "active";
    again.title = again.disabled ? "Nothing is sent to a disabled hook: enable it first." : "";
    write(why, [hook.status_reason, hook.disabled_since && `since ${absolute(Date.parse(hook.disabled_since))}`].filter(Boolean).join(", "));
    const text = JSON.stringify([hook, defaults]);
    if (about.dataset.text !== text) {
      about.dataset.text = text;
      fill(about, details(hook, inWords(defaults, isApp(hook))));
      fill(toggle, hook.status === "active" ? "Disable" : "Enable …");
    }
  });

  readDefaults(signal).then((found) => {
    defaults = found;
    readHook();
  });

  const toggle = button("Disable", async () => {
    const done = hook.status === "active"
      ? await confirm("Disable this hook?", "Nothing is sent to it until it is enabled again. Then you choose whether it gets the missed records.",
        "Disable", () => change(id, { status: "disabled" }))
      : await enable(id);
    if (done) readHook();
    missed.read();
  });
  const again = button("Replay …", async () => { await replay(hook, missed.began); missed.read(); });
  bar.append(
    button("Send a test …", () => test(id), { class: "primary" }),
    toggle,
    again,
    button("Rotate secret …", async () => {
      let rotated = null;
      if (await confirm("Rotate the secret?", "The hook gets a new secret. The previous one keeps signing for a while, so that the receiver can switch (STREAMHOOKS_SECRET_OVERLAP). At most two replaced secrets sign at a time.",
        "Rotate", async () => { rotated = await rotate(id); })) await showSecret(rotated, "The new secret");
    }),
    h("a", { class: "button", href: `#/hooks/${id}/edit` }, "Edit"),
    button("Delete …", async () => {
      if (await confirm("Delete this hook?", "Its deliveries stop, and its pending calls are dropped. This can't be undone.",
        "Delete", () => removeHook(id))) location.hash = "#/";
    }, { class: "danger-quiet" }),
  );

  fill(content, bar, missed.node, chartSection(id, signal), listsSection(id, signal), h("details", { class: "settings", open: true },
    h("summary", {}, h("h2", {}, "Settings")), about));
  return h("div", {}, h("p", { class: "back" }, h("a", { href: "#/" }, "← All hooks")), title, description, states, why, gone, content);
}

function details(hook, defaults) {
  const fact = (field) => shown(field, hook[field.name]) ?? defaults[field.name] ?? field.fact.without;
  return facts([
    ["Id", copyable(hook.id, "Id")],
    ["URL", hook.name ? hook.url : null],
    ["Kind", kindOf(hook)],
    ["Organization", hook.organization_id],
    ["Projects", projectsOf(hook)],
    ["Events", hook.events.join(", ")],
    ["Secret", h("code", {}, hook.secret)],
    ["Replaced secrets sign until", hook.previous_secrets_until?.length ? hook.previous_secrets_until.map((one) => h("div", {}, at(one))) : null],
    ...FIELDS.filter((field) => field.fact).map((field) => [field.fact.title, fact(field)]),
    ["Created", hook.date_created ? at(hook.date_created) : null],
    ...OBSERVED.map(([name, title]) => [title, hook[name] ? ago(hook[name]) : null]),
  ]);
}

function chartSection(id, signal) {
  const picture = chart();
  let chosen = ROLLUPS[0];
  const read = live(signal, 5, async () => {
    const [, , resolution, seconds, length] = chosen;
    const until = Math.floor(Date.now() / 1000);
    const asked = { resolution, until, since: until - length + 1 };
    const series = await Promise.all(["fired", "delivered", "failed"].map((outcome) =>
      get(hookPath(id, "/stats"), { ...asked, outcome }, signal)));
    if (signal.aborted || chosen[2] !== resolution) return;
    const [fired, delivered, failed] = series;
    picture.update(fired.map((point, index) => ({
      ts: point.ts, fired: point.total, delivered: delivered[index]?.total ?? 0, failed: failed[index]?.total ?? 0,
    })), seconds);
  });
  const choices = ROLLUPS.map((rollup, index) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "rollup", value: rollup[0], checked: index === 0, on: { change: () => { chosen = rollup; read(); } } }),
    h("span", {}, rollup[1])));
  return h("section", {}, h("div", { class: "heading" }, h("h2", {}, "Attempts"),
    h("fieldset", { class: "choices" }, h("legend", { class: "unseen" }, "Time"), choices)), picture.node,
    h("p", { class: "hint" }, "Each attempt of a webhook-id is counted once, even if it is replayed. Tests are not counted."));
}

/** Return tabs with requests, pending calls and dead letters; only the open tab is read. */
function listsSection(id, signal) {
  const attempts = attemptsTable(id, () => read());
  const pending = pendingTable(id, () => read());
  const letters = lettersTable(() => read());
  const nothing = h("p", { class: "empty", hidden: true });
  const note = h("p", { class: "hint" });
  const above = h("div", { class: "actions" });
  let chosen = "requests";

  const tabs = [["requests", "Requests"], ["pending", "Pending"], ["letters", "Dead letters"]].map(([name, text]) =>
    h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "list", on: { click: () => choose(name) } }, text));
  const place = h("div", { role: "tabpanel", id: "list", tabindex: 0 });
  const bar = h("div", { role: "tablist", "aria-label": "Lists of this hook", on: { keydown: onKey } }, tabs);

  const kinds = {
    async requests() {
      const found = await get(hookPath(id, "/requests"), { limit: LATEST }, signal);
      const search = h("a", { href: `#/attempts?hook_id=${id}` }, "Search all requests");
      const next = ["Replay sends what came before the hook was made. ", h("a", { href: "#/explain" }, "Explain"), " says why it did not get a record. "];
      const latest = found.length === LATEST ? `The latest ${LATEST}. ` : "";
      return [attempts, found, "Nothing has been sent to this hook yet.", [found.length ? latest : next, search], null];
    },
    async pending() {
      const { data, headers } = await call("GET", hookPath(id, "/pending"), { query: { limit: LATEST }, signal });
      const total = showPending(data, headers);
      return [pending, data, "No pending calls.", total > data.length ? `The next ${data.length} of ${count(total)}.` : "", null];
    },
    async letters() {
      const found = await getIfKnown("/api/dead-letters", { hook_id: id, limit: LATEST }, signal);
      if (found === null) return [letters, [], "This worker can't list dead letters.", "", null];
      const more = found.next_cursor ? [`The newest ${found.dead_letters.length}. `, h("a", { href: `#/dead-letters?hook_id=${id}` }, "All of them")] : "";
      const all = found.dead_letters.length ? button("Redrive all of this hook …", () => redriveMatching({ hook_id: id }, read)) : null;
      return [letters, found.dead_letters, "No open dead letters.", more, all];
    },
  };

  /** Show the number of pending calls on the tab. */
  function showPending(data, headers) {
    const total = Number(headers.get("X-Total-Count") ?? data.length);
    write(tabs[1], total ? `Pending (${count(total)})` : "Pending");
    return total;
  }

  const read = live(signal, 4, async () => {
    const name = chosen;
    const [list, items, none, text, extra] = await kinds[name]();
    if (signal.aborted || name !== chosen) return;
    list.update(items);
    if (place.firstChild !== list.node) fill(place, list.node, nothing);
    list.node.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
    write(nothing, none);
    const fresh = h("p", {}, text);
    if (note.textContent !== fresh.textContent) fill(note, [...fresh.childNodes]); // else a link would lose the focus
    if (Boolean(extra) !== above.hasChildNodes()) fill(above, extra);
    if (name === "pending") return;
    const { data, headers } = await call("GET", hookPath(id, "/pending"), { query: { limit: 1 }, signal });
    if (!signal.aborted) showPending(data, headers);
  });

  function choose(name) {
    chosen = name;
    for (const tab of tabs) {
      const isChosen = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    place.setAttribute("aria-labelledby", `tab-${name}`);
    fill(above);
    fill(note);
    fill(place);
    read();
  }

  function onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const to = tabs[(tabs.findIndex((tab) => tab.id === `tab-${chosen}`) + step + tabs.length) % tabs.length];
    to.focus();
    choose(to.id.slice(4));
  }

  choose("requests");
  return h("section", {}, bar, above, place, note);
}
