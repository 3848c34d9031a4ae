// What holds for a hook that says nothing: this worker's defaults.

import { getIfKnown } from "./api.js";
import { count } from "./format.js";

/** The defaults by the names of a hook's fields; null where the worker does not tell them. */
export async function readDefaults(signal) {
  const overview = await getIfKnown("/api/overview", {}, signal).catch(() => null);
  return overview?.defaults ?? null;
}

/** The default of each field in words, of a hook of an app or of a service hook. */
export function inWords(defaults, ofApp) {
  const told = (text) => (text === null ? "the worker's default" : `${text} (the worker's default)`);
  return {
    timeout: told(defaults && `${defaults.timeout} s`),
    max_in_flight: told(defaults && count(defaults.max_in_flight)),
    retry_schedule: told(defaults && retries(defaults.retry_schedule[ofApp ? "app" : "service_hook"])),
  };
}

/** Seconds before each retry in words: "5, each after 300 s", "after 10 s, 60 s", "none". */
export function retries(delays) {
  if (!delays.length) return "none";
  if (delays.length > 1 && delays.every((one) => one === delays[0])) return `${count(delays.length)}, each after ${delays[0]} s`;
  return `after ${delays.map((one) => `${one} s`).join(", ")}`;
}
