// Times, numbers and durations for people.

import { h } from "./dom.js";

const whole = new Intl.NumberFormat("en");
const dated = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const ofAnotherYear = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

export const count = (number) => whole.format(number);

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Return a duration in seconds, minutes, hours or days; `seconds` must not be negative. */
export function span(seconds) {
  if (seconds < 1) return "< 1 s";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

export function relative(milliseconds, now = Date.now()) {
  const seconds = (milliseconds - now) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

/** Return a time (epoch milliseconds) with its date and the reader's time zone; with the year unless it is this one. */
export function absolute(milliseconds) {
  const date = new Date(milliseconds);
  return (date.getFullYear() === new Date().getFullYear() ? dated : ofAnotherYear).format(date);
}

/** Return the reader's current time zone: "CET". */
export function zone() {
  return dated.formatToParts(new Date()).find((part) => part.type === "timeZoneName").value;
}

/** Return how long ago a time (epoch milliseconds or ISO 8601) was; `tick` keeps it up to date. */
export function ago(moment) {
  const milliseconds = typeof moment === "number" ? moment : Date.parse(moment);
  if (!Number.isFinite(milliseconds)) return String(moment);
  const date = new Date(milliseconds);
  return h(
    "time",
    { datetime: date.toISOString(), title: full.format(date), class: "relative" },
    relative(milliseconds),
  );
}

export function at(moment) {
  const milliseconds = typeof moment === "number" ? moment : Date.parse(moment);
  if (!Number.isFinite(milliseconds)) return String(moment);
  const date = new Date(milliseconds);
  return h("time", { datetime: date.toISOString(), title: full.format(date) }, absolute(milliseconds));
}

export function tick() {
  for (const node of document.querySelectorAll("time.relative")) {
    const text = relative(Date.parse(node.dateTime));
    if (node.textContent !== text) node.textContent = text;
  }
}

/** What came back, in a few words: "503", "timeout". */
export function cameBack(attempt) {
  return attempt.error || (attempt.status ? String(attempt.status) : "no answer");
}

/** A line that a stranger wrote, with what would hide or turn around a part of it as escapes. */
export const visible = (text) => text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
  (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Text of a body: JSON is indented, all else is left as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Return ISO 8601 for a datetime-local input, whose value is in the reader's time zone; "" if it is empty. */
export function isoOf(input) {
  return input.value ? new Date(input.value).toISOString() : "";
}

/** Return the value of a datetime-local input for epoch milliseconds. */
export function localInput(milliseconds) {
  const date = new Date(milliseconds);
  date.setMinutes(date.getMinutes() - date.getTimezoneOffset());
  return date.toISOString().slice(0, 19);
}
