// The state of a hook, as badges.

import { badge } from "./dom.js";
import { span } from "./format.js";

export function stateBadges(hook) {
  const found = [];
  if (hook.trouble === "disabled_by_system") found.push(badge("disabled by the system", "bad"));
  else if (hook.status === "disabled") found.push(badge("disabled", "off"));
  if (hook.trouble === "blocked") found.push(badge("blocked", "bad"));
  if (hook.breaker === "open") found.push(badge("breaker open", "bad"));
  if (hook.paused_until && Date.parse(hook.paused_until) > Date.now()) {
    found.push(badge(`paused for ${span((Date.parse(hook.paused_until) - Date.now()) / 1000)}`, "warn"));
  }
  if (hook.failing_since) found.push(badge(`failing for ${span(Math.max(0, (Date.now() - Date.parse(hook.failing_since)) / 1000))}`, "bad"));
  if (!found.length) found.push(badge("active", "good"));
  return found;
}

export const isApp = (hook) => hook.app_id !== null;

/** Tell whether its payloads are not those of Sentry; a worker of 0.1.0 shows no format. */
export const isMessage = (hook) => (hook.format ?? "sentry") !== "sentry";

/** Return the title of a hook: its name, else its URL. */
export const titleOf = (hook) => hook.name ?? hook.url;

export function kindOf(hook) {
  if (isMessage(hook)) return "message hook";
  return isApp(hook) ? `app ${hook.app_id}` : "service hook";
}

export function projectsOf(hook) {
  return hook.project_ids.length ? hook.project_ids.join(", ") : "every project";
}
