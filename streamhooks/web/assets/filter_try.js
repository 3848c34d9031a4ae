// The button that tries a filter on the latest messages, before it is saved.

import { Problem, post } from "./api.js";
import { fill, h } from "./dom.js";
import { plural } from "./format.js";

const REASONS = 3;

/** The button and its result. `text()` is the filter, `hook()` has the fields of the hook so far. */
export function filterTrial(text, hook) {
  const result = h("div", { class: "trial", "aria-live": "polite" });
  const button = h("button", { type: "button", on: { click: attempt } }, "Try it");

  async function attempt() {
    if (!text()) return fill(result, h("p", { class: "hint" }, "Without a filter, every message is sent."));
    const { organization_id: organization, project_ids: projects, events } = hook();
    if (!organization) return fill(result, h("p", { class: "hint" }, "Give an organization first."));
    button.disabled = true;
    try {
      const wanted = { filter: text(), organization_id: organization, project_ids: projects ?? [], events: events ?? [] };
      fill(result, outcome(await post("/api/filters/try", wanted)));
    } catch (problem) {
      const said = problem instanceof Problem ? problem.fields.filter ?? problem.message : problem.message;
      fill(result, h("p", { class: "wrong", role: "alert" }, said));
    } finally {
      button.disabled = false;
    }
    return undefined;
  }

  return h("div", { class: "trial-of-filter" }, button, result);
}

function outcome({ tried, match, failed }) {
  if (!tried.length) return h("p", { class: "hint" }, "The organization has no such messages so far.");
  const reasons = new Map();
  for (const { verdict, why, source } of tried) {
    const text = verdict === "failed" ? `can't be evaluated: ${why}` : why;
    if (why) reasons.set(text, [...(reasons.get(text) ?? []), source]);
  }
  const most = [...reasons].sort(([, some], [, others]) => others.length - some.length).slice(0, REASONS);
  return [
    h("p", { class: failed ? "wrong" : "hint" },
      `It lets ${match} of the latest ${plural(tried.length, "message")} pass.`,
      failed ? ` ${failed} would be dead letters.` : ""),
    most.length ? h("ul", { class: "history" }, most.map(([why, sources]) => h("li", {},
      h("code", {}, sources[0]), sources.length > 1 ? ` and ${sources.length - 1} more` : "", `: ${why}`))) : null,
  ];
}
