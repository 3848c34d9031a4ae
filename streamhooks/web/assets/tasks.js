// Calls of tasks that wait or run, on all workers: show, run or drop them.

import { attemptTo, body, facts, sourceLink } from "./attempts.js";
import { get, getIfKnown, post, remove } from "./api.js";
import { confirm, showResult } from "./dialogs.js";
import { badge, button, cell, copyable, fill, h, keyed, table, write } from "./dom.js";
import { ago, at, cameBack, count, plural } from "./format.js";
import { live } from "./live.js";

/** The states of a call, with the colour of each that is no wait. */
const STATES = { waiting: "", queued: "warn", unknown: "bad", running: "good" };

const callPath = (one, rest = "") => `/api/tasks/${encodeURIComponent(one.call_id)}${rest}`;
const deadOf = (task) => `#/dead-letters?${new URLSearchParams({ kind: "task", ...(task && { task }) })}`;

function callsTable(changed) {
  const node = table("Calls of tasks", ["Due", "Task", "State", "Run", "Why", "Last", "Record", "Actions"], "cards framed");
  return { node, update: (calls) => keyed(node, calls, (one) => one.call_id, () => callRow(changed)) };
}

function callRow(changed) {
  const node = h("tbody", { role: "rowgroup" });
  let shown = "";
  return {
    node,
    update(one) {
      const text = JSON.stringify(one);
      if (text === shown) return;
      shown = text;
      const focused = node.contains(document.activeElement) ? document.activeElement.dataset.does : null;
      const show = button("Show", () => showResult(one.task, () => callDetails(one)), { class: "quiet", "data-does": "show" });
      const run = button("Run now", async () => {
        await attemptTo(() => post(callPath(one, "/run")), "It runs as soon as there is room");
        changed();
      }, { "data-does": "run", disabled: one.state !== "waiting" });
      const drop = button("Drop", async () => {
        await confirm("Drop this call?", "It will not run any more. What it has done stays as it is.", "Drop it", () => remove(callPath(one)));
        changed();
      }, { "data-does": "drop", class: "danger-quiet", disabled: one.state === "running" });
      fill(node, h("tr", { role: "row" },
        cell("Due", ago(one.due)),
        cell("Task", h("span", { class: "clip" }, one.task)),
        cell("State", badge(one.state, STATES[one.state] ?? "off")),
        cell("Run", String(one.attempt)),
        cell("Why", one.reason),
        cell("Last", h("span", { class: "clip" }, one.last ? cameBack(one.last) : "–")),
        cell("Record", sourceLink(one.source)),
        cell("Actions", h("span", { class: "actions" }, show, run, drop))));
      if (focused) node.querySelector(`[data-does=${focused}]`)?.focus();
    },
  };
}

async function callDetails(one) {
  const whole = await get(callPath(one));
  return [
    facts([["Call", copyable(whole.call_id, "id")], ["State", whole.state], ["Called", at(whole.created)], ["Due", at(whole.due)],
      ["Run", String(whole.attempt)], ["Last", whole.last && cameBack(whole.last)], ["Record", sourceLink(whole.source)]]),
    whole.args === null
      ? h("p", { class: "hint" }, "Kafka no longer has its arguments.")
      : [body("Arguments", JSON.stringify(whole.args)), body("Named arguments", JSON.stringify(whole.kwargs))],
  ];
}

/** A table with the number of calls by task and state. */
function countsTable() {
  const node = table("Calls by task", ["Task", "Waiting", "Queued", "Unknown", "Running", "Given up"], "cards framed");
  const row = (task) => {
    const tr = h("tr", { role: "row" });
    return {
      node: h("tbody", { role: "rowgroup" }, tr),
      update: (one) => fill(tr,
        cell("Task", h("a", { class: "clip", href: `#/tasks?${new URLSearchParams({ task })}` }, task)),
        ...Object.keys(STATES).map((state) => cell(state[0].toUpperCase() + state.slice(1), count(one[state]))),
        cell("Given up", h("a", { href: deadOf(task) }, "dead letters"))),
    };
  };
  return { node, update: (tasks) => keyed(node, tasks, (one) => one.task, (one) => row(one.task)) };
}

export function tasksView(signal, query) {
  const filter = { task: query.get("task") ?? "", state: query.get("state") ?? "" };
  const cursors = [""];
  let next = null;
  const list = callsTable(() => read());
  const counts = countsTable();
  const status = h("p", { class: "found", role: "status" });
  const back = button("Back", () => { cursors.pop(); read(); }, { disabled: true });
  const onward = button("Next", () => { cursors.push(next); read(); }, { disabled: true });
  list.node.hidden = counts.node.hidden = true;

  const read = live(signal, 5, async () => {
    const cursor = cursors.at(-1);
    const wanted = { ...filter, cursor, limit: 50 };
    const found = await getIfKnown("/api/tasks", wanted, signal);
    if (signal.aborted || cursor !== cursors.at(-1)) return;
    const { calls = [], tasks = [] } = found ?? {};
    list.update(calls);
    counts.update(tasks);
    list.node.hidden = calls.length === 0;
    counts.node.hidden = tasks.length === 0;
    const isFiltered = filter.task || filter.state;
    write(status, found === null ? "This worker can't list calls of tasks."
      : calls.length === 0 ? (isFiltered ? "No call matches." : "No call of a task waits or runs.")
      : plural(calls.length, "call") + (found.next_cursor === null ? "" : " on this page"));
    next = found?.next_cursor ?? null;
    onward.disabled = next === null;
    back.disabled = cursors.length === 1;
  });

  const inputs = {
    task: h("input", { id: "t-task", value: filter.task, autocomplete: "off", spellcheck: "false" }),
    state: h("select", { id: "t-state" }, ["", ...Object.keys(STATES), "dead"].map(
      (name) => h("option", { value: name, selected: name === filter.state }, name || "any"))),
  };
  const submit = (event) => {
    event.preventDefault();
    const task = inputs.task.value.trim();
    if (inputs.state.value === "dead") {
      location.hash = deadOf(task);
      return;
    }
    Object.assign(filter, { task, state: inputs.state.value });
    const given = Object.entries(filter).filter(([, value]) => value);
    history.replaceState(null, "", `#/tasks?${new URLSearchParams(given)}`);
    cursors.splice(0, cursors.length, "");
    read();
  };
  return h("div", {},
    h("h1", { tabindex: "-1" }, "Tasks"),
    h("p", { class: "hint" }, "Calls of tasks that wait or run, on all workers. Those that were given up are ", h("a", { href: deadOf("") }, "dead letters"), "."),
    h("form", { class: "filters", role: "search", on: { submit } },
      h("div", { class: "grow" }, h("label", { for: "t-task" }, "Task"), inputs.task),
      h("div", {}, h("label", { for: "t-state" }, "State"), inputs.state),
      h("button", { type: "submit", class: "primary" }, "Find")),
    counts.node, status, list.node,
    h("div", { class: "actions pages" }, back, onward));
}
