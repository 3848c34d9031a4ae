// The worker's defaults for the fields that a hook leaves out.

import { getIfKnown } from "./api.js";
import { count } from "./format.js";
import { FIELDS } from "./hook_fields.js";

/** Return the defaults by the names of a hook's fields; null if the worker does not have them. */
export async function readDefaults(signal) {
  const overview = await getIfKnown("/api/overview", {}, signal).catch(() => null);
  return overview?.defaults ?? null;
}

/** Return the default of each field with a setting in words, for an app hook or a service hook. */
export function inWords(defaults, ofApp) {
  const withSource = (text) => (text === null ? "the worker's default" : `${text} (the worker's default)`);
  const of = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value[ofApp ? "app" : "service_hook"] : value);
  return Object.fromEntries(FIELDS.filter((field) => field.has_setting)
    .map((field) => [field.name, withSource(defaults && shown(field, of(defaults[field.name])))]));
}

/** Return the value of a field in words; null if it is empty. */
export function shown(field, value) {
  if (value === null || value === undefined) return null;
  switch (field.kind) {
    case "headers": return Object.keys(value).join(", ") || null;
    case "delays": return retries(value);
    case "whole": return withUnit(field, count(value));
    case "number": return withUnit(field, value);
    default: return Array.isArray(value) ? value.join(", ") : String(value);
  }
}

const withUnit = (field, text) => (field.unit ? `${text} ${field.unit}` : String(text));

/** Return the seconds before each retry in words: "5, each after 300 s", "after 10 s, 60 s", "none". */
function retries(delays) {
  if (!delays.length) return "none";
  if (delays.length > 1 && delays.every((one) => one === delays[0])) return `${count(delays.length)}, each after ${delays[0]} s`;
  return `after ${delays.map((one) => `${one} s`).join(", ")}`;
}
