// Search requests as far back as they are kept, page by page, until enough are found or the search is cancelled.

import { attemptsTable } from "./attempts.js";
import { get } from "./api.js";
import { button, h, write } from "./dom.js";
import { absolute, isoOf, plural, zone } from "./format.js";
import { OUTCOMES } from "./tables.js";

const TEXTS = ["hook_id", "webhook_id", "outcome", "status", "event"];
/** The search pauses after finding this many. */
const AT_ONCE = 50;

export function searchView(signal, query) {
  const input = (name, options = {}) => h("input", { id: `s-${name}`, value: query.get(name) ?? "", autocomplete: "off", spellcheck: "false", ...options });
  const inputs = {
    hook_id: input("hook_id", { pattern: "[0-9a-fA-F]{32}", title: "The id of a hook has 32 hex digits" }),
    webhook_id: input("webhook_id"),
    outcome: h("select", { id: "s-outcome" }, ["", ...Object.keys(OUTCOMES)].map((name) => h("option", { value: name, selected: name === query.get("outcome") }, name || "any"))),
    status: input("status", { type: "number", min: 100, max: 999 }),
    event: input("event", { placeholder: "issue.created" }),
  };
  const since = h("input", { id: "s-since", type: "datetime-local", step: 1 });
  const until = h("input", { id: "s-until", type: "datetime-local", step: 1 });

  const list = attemptsTable(null, () => {});
  const status = h("p", { class: "found", role: "status" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const cancel = button("Cancel", () => looking.abort());
  const onward = button("Search further back", () => look());
  list.node.hidden = cancel.hidden = onward.hidden = true;
  let looking = new AbortController();
  let wanted = {};
  let found = [];
  let next = null;
  let back = null;

  function report(text) {
    const looked = back === null ? "" : ` Searched back to ${absolute(Date.parse(back))}.`;
    write(status, `${text} ${plural(found.length, "request")} found.${looked}`);
  }

  /** Continue where the last page ended. */
  async function look() {
    looking.abort();
    const mine = looking = new AbortController();
    const ended = mine.signal;
    const enough = found.length + AT_ONCE;
    write(wrong, "");
    [cancel.hidden, onward.hidden] = [false, true];
    report("Searching …");
    let text = "";
    try {
      do {
        const page = await get("/api/attempts", { ...wanted, cursor: next, limit: enough - found.length }, ended);
        if (ended.aborted) break;
        found = [...found, ...page.attempts];
        next = page.next_cursor;
        back = page.looked_back_to ?? back;
        list.update(found);
        list.node.hidden = found.length === 0;
        report("Searching …");
      } while (next !== null && found.length < enough);
      text = next === null ? "No more are kept." : "There may be more.";
    } catch (problem) {
      if (!ended.aborted) write(wrong, problem.message);
      text = ended.aborted ? "Cancelled." : "The search failed.";
    }
    if (signal.aborted || looking !== mine) return;
    [cancel.hidden, onward.hidden] = [true, text.startsWith("No more")];
    report(text);
  }

  signal.addEventListener("abort", () => looking.abort());

  const submit = (event) => {
    event?.preventDefault();
    const texts = Object.fromEntries(TEXTS.map((name) => [name, inputs[name].value.trim()]).filter(([, value]) => value));
    wanted = { ...texts, since: isoOf(since), until: isoOf(until) };
    history.replaceState(null, "", `#/attempts?${new URLSearchParams(texts)}`);
    [found, next, back] = [[], null, null];
    list.update(found);
    list.node.hidden = true;
    look();
  };
  if (TEXTS.some((name) => query.get(name))) submit();

  const field = (name, label, control, grow = false) => h("div", grow ? { class: "grow" } : {}, h("label", { for: `s-${name}` }, label), control);
  return h("div", {},
    h("h1", { tabindex: "-1" }, "Requests"),
    h("p", { class: "hint" }, "Attempts, newest first, as far back as the topic firings goes (7 days by default)."),
    h("form", { class: "filters", role: "search", on: { submit } },
      field("hook_id", "Hook (id)", inputs.hook_id, true),
      field("webhook_id", "webhook-id", inputs.webhook_id, true),
      field("outcome", "Outcome", inputs.outcome),
      field("status", "Status", inputs.status),
      field("event", "Event", inputs.event),
      field("since", `Since (${zone()})`, since),
      field("until", `Until (${zone()})`, until),
      h("button", { type: "submit", class: "primary" }, "Find")),
    status, wrong, list.node,
    h("div", { class: "actions" }, cancel, onward));
}
