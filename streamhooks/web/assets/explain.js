// Which hooks a record fired, and why it did not fire the others.

import { facts, body, causeBadge, outcomeBadge } from "./attempts.js";
import { Problem, get } from "./api.js";
import { badge, fill, h } from "./dom.js";
import { ago, at, cameBack, isoOf, localInput, plural, zone } from "./format.js";

export function explainView(signal, query) {
  const source = h("input", { id: "e-source", value: query.get("source") ?? "", placeholder: "streamhooks.messages:3:1207", autocomplete: "off", spellcheck: "false" });
  const event = h("input", { id: "e-event", value: query.get("event_id") ?? "", placeholder: "32 hex digits", autocomplete: "off", spellcheck: "false" });
  const since = h("input", { id: "e-since", type: "datetime-local", step: 1, value: localInput(Date.now() - 86_400_000) });
  const until = h("input", { id: "e-until", type: "datetime-local", step: 1 });
  const result = h("div", { class: "explained", "aria-live": "polite" });

  async function show(asked, address) {
    history.replaceState(null, "", `#/explain?${new URLSearchParams(address)}`);
    fill(result, h("p", { class: "empty" }, "Searching …"));
    try {
      const found = await get("/api/explain", asked, signal);
      if (!signal.aborted) fill(result, explanation(found));
    } catch (problem) {
      if (signal.aborted) return;
      const text = problem instanceof Problem && problem.isUnknownCall ? "This worker can't explain records." : problem.message;
      fill(result, h("p", { class: "wrong", role: "alert" }, text));
    }
  }

  const bySource = (submitted) => {
    submitted?.preventDefault();
    show({ source: source.value.trim() }, { source: source.value.trim() });
  };
  const byEvent = (submitted) => {
    submitted.preventDefault();
    show({ event_id: event.value.trim(), since: isoOf(since), until: isoOf(until) }, { event_id: event.value.trim() });
  };
  if (source.value) bySource();
  source.required = true;
  event.required = true;

  return h("div", {},
    h("h1", { tabindex: "-1" }, "Explain"),
    h("p", { class: "hint" }, "Which hooks did a Kafka record fire, and why did it not fire the others?"),
    h("form", { class: "filters", on: { submit: bySource } },
      h("div", { class: "grow" }, h("label", { for: "e-source" }, "Record: topic:partition:offset"), source),
      h("button", { type: "submit", class: "primary" }, "Explain the record")),
    h("form", { class: "filters", on: { submit: byEvent } },
      h("div", { class: "grow" }, h("label", { for: "e-event" }, "or an event id"), event),
      h("div", {}, h("label", { for: "e-since" }, `Since (${zone()})`), since),
      h("div", {}, h("label", { for: "e-until" }, `Until (${zone()})`), until),
      h("button", { type: "submit" }, "Find the event")),
    result);
}

function explanation(found) {
  const matched = found.hooks.filter((hook) => hook.matched);
  const others = found.hooks.filter((hook) => !hook.matched);
  return [
    h("h2", {}, "The record"),
    facts([["Record", h("code", {}, found.source)], ["Written", at(found.timestamp)]]),
    ...(found.skipped ? [h("p", {}, found.skipped)] : [body("Summary", JSON.stringify(found.record)), ...explainedHooks(matched, others)]),
  ];
}

function explainedHooks(matched, others) {
  return [
    h("h2", {}, `${plural(matched.length, "hook")} matched`),
    matched.length ? matched.map(explained) : h("p", { class: "empty" }, "None."),
    h("h2", {}, `${plural(others.length, "hook")} did not match`),
    others.length ? others.map(explained) : h("p", { class: "empty" }, "None."),
  ];
}

function explained(hook) {
  return h("article", { class: "reason" },
    h("h3", {}, badge(hook.matched ? "matched" : "not matched", hook.matched ? "good" : "off"), " ",
      h("a", { href: `#/hooks/${encodeURIComponent(hook.hook_id)}` }, hook.url)),
    h("p", {}, hook.why),
    hook.matched && hook.webhook_id ? h("p", { class: "minor" }, "webhook-id ", h("code", {}, hook.webhook_id)) : null,
    hook.attempts?.length ? h("ol", { class: "history" }, hook.attempts.map((attempt) => h("li", {},
      at(attempt.at), ` attempt ${attempt.attempt}`, causeBadge(attempt), " ", outcomeBadge(attempt.outcome), ` ${cameBack(attempt)}, ${Math.round(attempt.duration_ms)} ms`))) : null,
    hook.pending?.length ? h("ul", { class: "history" }, hook.pending.map((pending) => h("li", {},
      badge("pending", "warn"), ` attempt ${pending.attempt} (${pending.reason}), due `, ago(pending.due)))) : null);
}
