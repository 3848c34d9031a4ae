// Dead letters of one hook or of all: show, resend or drop them.

import { attemptTo, body, facts, sourceLink } from "./attempts.js";
import { Problem, get, getIfKnown, post } from "./api.js";
import { form, open, showResult } from "./dialogs.js";
import { badge, button, cell, copyable, fill, h, keyed, table, write } from "./dom.js";
import { at, cameBack, count, isoOf, plural, zone } from "./format.js";
import { live } from "./live.js";

const FILTERS = ["kind", "hook_id", "url", "organization_id", "task", "reason", "since", "until"];

/** The label and the colour of each state. */
const STATES = { open: ["open", "bad"], sent: ["sent again", "warn"], delivered: ["delivered", "good"], dropped: ["dropped", "off"] };

/** What was given up. */
const KINDS = { "": "any", delivery: "deliveries", task: "calls of tasks", record: "records" };

/** Return a table of dead letters: {node, update(letters)}; `changed` is called after one was resent or dropped. */
export function lettersTable(changed, { chosen = null, withHook = false } = {}) {
  const columns = [chosen && "Choose", "Time", "State", "Reason", withHook && "Hook", "Task", "Attempts", "Last", "Record", "Actions"].filter(Boolean);
  const node = table("Dead letters", columns, withHook ? "cards framed" : "cards");
  return { node, update: (letters) => keyed(node, letters, (one) => one.letter, () => letterRow(changed, chosen, withHook)) };
}

function letterRow(changed, chosen, withHook) {
  const node = h("tbody", { role: "rowgroup" });
  let shown = "";
  return {
    node,
    update(letter) {
      const text = JSON.stringify(letter);
      if (text === shown) return;
      shown = text;
      fill(node, h("tr", { role: "row" },
        chosen && cell("Choose", h("input", {
          type: "checkbox", "aria-label": `Choose ${letter.letter}`, checked: chosen.has(letter.letter),
          on: { change: (event) => chosen.set(letter.letter, event.target.checked) },
        })),
        cell("Time", at(letter.at)),
        cell("State", badge(STATES[letter.state]?.[0] ?? letter.state, STATES[letter.state]?.[1] ?? "off")),
        cell("Reason", h("span", { class: "clip" }, letter.reason)),
        withHook && cell("Hook", hookLink(letter)),
        cell("Task", h("span", { class: "clip" }, letter.task ?? "–")),
        cell("Attempts", String(letter.attempts ?? "–"), letter.redriven ? [" ", badge(`redriven ${letter.redriven}×`, "warn")] : ""),
        cell("Last", h("span", { class: "clip" }, letter.last ? cameBack(letter.last) : "–")),
        cell("Record", sourceLink(letter.source)),
        cell("Actions", h("span", { class: "actions" },
          button("Show", () => showResult(`Dead letter ${letter.letter}`, () => letterDetails(letter)), { class: "quiet" }),
          letter.state === "open" && button("Redrive", async () => {
            await attemptTo(() => redrive({ letters: [letter.letter] }), reportRedriven);
            changed();
          }),
          letter.state === "open" && button("Drop", async () => {
            await attemptTo(() => drop({ letters: [letter.letter] }), reportDropped);
            changed();
          }, { class: "quiet" })))));
    },
  };
}

function hookLink(letter) {
  if (!letter.hook_id) return "–";
  return h("a", { class: "clip", title: letter.hook_id, href: `#/hooks/${encodeURIComponent(letter.hook_id)}` }, letter.url ?? `${letter.hook_id.slice(0, 8)}… (deleted)`);
}

async function letterDetails(letter) {
  const whole = await get(`/api/dead-letters/${encodeURIComponent(letter.letter)}`);
  return [
    facts([["Reason", whole.reason], ["webhook-id", whole.webhook_id && copyable(whole.webhook_id, "webhook-id")], ["Attempts", String(whole.attempts)], ["Record", sourceLink(whole.source)]]),
    whole.truncated ? h("p", { class: "hint" }, "It was too large to be kept complete. A redrive reads it from its record.") : null,
    whole.task ? body("Task", JSON.stringify(whole.task)) : null,
    whole.raw ? body("Raw bytes", textOf(whole.raw)) : null,
  ].filter(Boolean);
}

function textOf(base64) {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

async function redrive(body) {
  return post("/api/dead-letters/redrive", body);
}

async function drop(body) {
  return post("/api/dead-letters/drop", body);
}

const SKIPPED = "redriven 3 times, not open, or without their hook or record";

const reportRedriven = (result) => `${plural(result.redriven, "dead letter")} sent again`
  + (result.skipped ? `, ${count(result.skipped)} skipped: ${SKIPPED}` : "");

const reportDropped = (result) => `${plural(result.dropped, "dead letter")} dropped`
  + (result.skipped ? `, ${count(result.skipped)} skipped: not open` : "");

/** Count the matching letters, ask, and send them again. */
export async function redriveMatching(filter, changed) {
  await open("Redrive", (close) => {
    const found = h("p", { role: "status" }, "Counting …");
    const force = h("input", { type: "checkbox", id: "force" });
    const recount = () => redrive({ ...filter, force: force.checked, dry_run: true }).then(
      (result) => write(found, `${plural(result.redriven, "dead letter")} would be sent again`
        + (result.skipped ? `, ${count(result.skipped)} skipped: ${SKIPPED}.` : ".")),
      (problem) => write(found, problem.message),
    );
    force.addEventListener("change", recount);
    recount();
    return [found, form(
      h("label", { class: "line" }, force, h("span", {}, "Also those that were redriven 3 times")),
      "Redrive", async () => {
        const result = await redrive({ ...filter, force: force.checked });
        await attemptTo(async () => result, reportRedriven);
        changed();
        return true;
      }, close)];
  });
}

/** Count the matching letters, ask, and drop them. */
async function dropMatching(filter, changed) {
  await open("Drop", (close) => {
    const found = h("p", { role: "status" }, "Counting …");
    drop({ ...filter, dry_run: true }).then(
      (result) => write(found, `${plural(result.dropped, "dead letter")} would be dropped: no longer listed, and not sent again.`),
      (problem) => write(found, problem.message),
    );
    return form(found, "Drop", async () => {
      const result = await drop(filter);
      await attemptTo(async () => result, reportDropped);
      changed();
      return true;
    }, close);
  });
}

export function deadLettersView(signal, query) {
  const filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  let state = query.get("state") ?? "open";
  const given = () => Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
  const chosen = new Choice(() => {
    for (const [one, verb] of [[some, "Redrive"], [someDropped, "Drop"]]) {
      one.disabled = chosen.size === 0;
      write(one, chosen.size ? `${verb} ${count(chosen.size)} chosen` : `${verb} chosen`);
    }
  });
  const list = lettersTable(() => read(), { chosen, withHook: true });
  const empty = h("p", { class: "empty", hidden: true });
  const cursors = [""];
  let next = null;

  const read = live(signal, 10, async () => {
    const cursor = cursors.at(-1);
    const found = await getIfKnown("/api/dead-letters", { ...filter, state, cursor, limit: 50 }, signal);
    if (signal.aborted || cursor !== cursors.at(-1)) return;
    const letters = found?.dead_letters ?? [];
    list.update(letters);
    list.node.hidden = letters.length === 0;
    empty.hidden = letters.length > 0;
    const isFiltered = Object.values(filter).some(Boolean) || !["open", "all"].includes(state);
    const none = isFiltered ? "No dead letter matches." : state === "open" ? "No open dead letters." : "No dead letters.";
    write(empty, found === null ? "This worker can't list dead letters." : none);
    next = found?.next_cursor ?? null;
    onward.disabled = next === null;
    back.disabled = cursors.length === 1;
  });

  const withChosen = (label, change, report, options = {}) => button(label, async () => {
    await attemptTo(() => change({ letters: chosen.all() }), report);
    chosen.clear();
    for (const box of list.node.querySelectorAll("[type=checkbox]")) box.checked = false;
    read();
  }, { disabled: true, ...options });
  const some = withChosen("Redrive chosen", redrive, reportRedriven);
  const someDropped = withChosen("Drop chosen", drop, reportDropped, { class: "quiet" });
  const isNone = () => !Object.values(filter).some(Boolean);
  const matching = button("Redrive all that match …", () => redriveMatching(given(), read), { disabled: isNone() });
  const matchingDropped = button("Drop all that match …", () => dropMatching(given(), read), { class: "quiet", disabled: isNone() });
  const back = button("Newer", () => { cursors.pop(); read(); }, { disabled: true });
  const onward = button("Older", () => { cursors.push(next); read(); }, { disabled: true });

  const inputs = {
    kind: h("select", { id: "f-kind" }, Object.entries(KINDS).map(([name, text]) => h("option", { value: name, selected: name === filter.kind }, text))),
    hook_id: h("input", { id: "f-hook", value: filter.hook_id, autocomplete: "off", spellcheck: "false" }),
    url: h("input", { id: "f-url", value: filter.url, autocomplete: "off", spellcheck: "false" }),
    task: h("input", { id: "f-task", value: filter.task, autocomplete: "off", spellcheck: "false" }),
    organization_id: h("input", { id: "f-organization", value: filter.organization_id, autocomplete: "off", spellcheck: "false" }),
    reason: h("input", { id: "f-reason", value: filter.reason, autocomplete: "off" }),
    since: h("input", { id: "f-since", type: "datetime-local", step: 1 }),
    until: h("input", { id: "f-until", type: "datetime-local", step: 1 }),
  };
  const states = h("select", { id: "f-state" }, ["open", "sent", "delivered", "dropped", "all"].map(
    (name) => h("option", { value: name, selected: name === state }, STATES[name]?.[0] ?? name)));
  const submit = (event) => {
    event.preventDefault();
    for (const name of ["kind", "hook_id", "url", "task", "organization_id", "reason"]) filter[name] = inputs[name].value.trim();
    Object.assign(filter, { since: isoOf(inputs.since), until: isoOf(inputs.until) });
    state = states.value;
    history.replaceState(null, "", `#/dead-letters?${new URLSearchParams({ ...given(), ...(state === "open" ? {} : { state }) })}`);
    matching.disabled = matchingDropped.disabled = isNone();
    cursors.splice(0, cursors.length, "");
    chosen.clear();
    read();
  };
  return h("div", {},
    h("h1", { tabindex: "-1" }, "Dead letters"),
    h("p", { class: "hint" }, "Calls that failed after the last retry, calls with a response that is not retried, and records that could not be read."),
    h("form", { class: "filters", role: "search", on: { submit } },
      h("div", { class: "grow" }, h("label", { for: "f-hook" }, "Hook (id)"), inputs.hook_id),
      h("div", { class: "grow" }, h("label", { for: "f-url" }, "URL contains"), inputs.url),
      h("div", {}, h("label", { for: "f-organization" }, "Organization"), inputs.organization_id),
      h("div", { class: "grow" }, h("label", { for: "f-task" }, "Task"), inputs.task),
      h("div", {}, h("label", { for: "f-kind" }, "Kind"), inputs.kind),
      h("div", { class: "grow" }, h("label", { for: "f-reason" }, "Reason contains"), inputs.reason),
      h("div", {}, h("label", { for: "f-since" }, `Since (${zone()})`), inputs.since),
      h("div", {}, h("label", { for: "f-until" }, `Until (${zone()})`), inputs.until),
      h("div", {}, h("label", { for: "f-state" }, "State"), states),
      h("button", { type: "submit", class: "primary" }, "Find")),
    h("div", { class: "actions" }, some, matching, someDropped, matchingDropped),
    list.node, empty,
    h("div", { class: "actions pages" }, back, onward));
}

/** The chosen letters, over all pages. */
class Choice {
  #letters = new Set();

  constructor(changed) {
    this.changed = changed;
  }

  get size() {
    return this.#letters.size;
  }

  has(letter) {
    return this.#letters.has(letter);
  }

  set(letter, isChosen) {
    if (isChosen) this.#letters.add(letter);
    else this.#letters.delete(letter);
    this.changed();
  }

  all() {
    return [...this.#letters];
  }

  clear() {
    this.#letters.clear();
    this.changed();
  }
}
