// Enabling a hook with what it missed, replaying a stretch of time, and how far both are.

import { call, getIfKnown, hookPath, post, remove } from "./api.js";
import { change } from "./changing.js";
import { form, open } from "./dialogs.js";
import { button, fill, h, toast, write } from "./dom.js";
import { at, isoOf, localInput, plural, zone } from "./format.js";
import { isApp } from "./hook_state.js";
import { live } from "./live.js";
import { TOPICS } from "./tables.js";

/** Ask what becomes of what a hook missed, and enable it; true if it was done. */
export async function enable(id) {
  const missed = await getIfKnown(hookPath(id, "/missed")).catch(() => ({ records: null, since: null }));
  // Null: a worker that keeps nothing. Where it can't be told, it may have missed something.
  const asks = missed !== null && missed.records !== 0;
  return (await open("Enable this hook", (close) => {
    const time = h("input", { type: "datetime-local", step: 1, "aria-label": "From this time on", value: localInput(Date.parse(missed?.since ?? "") || Date.now() - 3_600_000) });
    const choice = (value, text) => h("label", { class: "line" },
      h("input", { type: "radio", name: "resume", value, required: true }), h("span", {}, text));
    const choices = h("fieldset", {}, h("legend", {}, "What it missed"),
      choice("skip", "is thrown away"),
      choice("all", "is sent"),
      choice("time", [`is sent from this time on (${zone()}): `, time]));
    time.addEventListener("input", () => { choices.querySelector("[value=time]").checked = true; });
    const known = missed && h("p", {}, !asks ? "It missed nothing." : missed.records === null ? "How much it missed can't be told now." : [
      `${plural(missed.records, "record")} passed by`, missed.since ? [" since ", at(missed.since)] : "", ".",
      missed.available_from ? [" Kafka's retention has removed those before ", at(missed.available_from), "."] : ""]);
    const asked = form(asks ? choices : [], "Enable", async () => {
      const chosen = asks ? choices.querySelector(":checked").value : null;
      if (chosen === "time" && !time.value) throw new Error("Choose a time.");
      await change(id, { status: "active", ...(asks ? { resume: chosen === "time" ? isoOf(time) : chosen } : {}) });
      return true;
    }, close);
    const go = asked.querySelector("[type=submit]");
    const chosen = () => { go.disabled = asks && !choices.querySelector(":checked"); };
    choices.addEventListener("change", chosen);
    time.addEventListener("input", chosen);
    chosen();
    return [known, asked];
  })) === true;
}

/** Ask for a stretch of time, count, and send again what the hook would have got; `began(records)` when it has begun. */
export function replay(hook, began) {
  return open("Replay", (close) => {
    const now = Date.now();
    const from = h("input", { type: "datetime-local", id: "replay-from", step: 1, required: true, value: localInput(now - 3_600_000) });
    const to = h("input", { type: "datetime-local", id: "replay-to", step: 1 });
    const topics = h("fieldset", {}, h("legend", {}, "Topics"), TOPICS[isApp(hook) ? "app" : "service"].map((name) =>
      h("label", { class: "line" }, h("input", { type: "checkbox", name: "topics", value: name, checked: true }), h("span", {}, name))));
    const found = h("p", { class: "found", role: "status" });
    let counted = "";

    const asked = () => ({
      from: isoOf(from),
      ...(to.value ? { to: isoOf(to) } : {}),
      topics: [...topics.querySelectorAll(":checked")].map((box) => box.value),
    });
    const node = form([
      h("p", {}, "What this hook would have got is sent beside the live traffic. Every delivery has the webhook-id that it had, so a receiver can drop what it has."),
      h("div", { class: "pair" },
        h("div", {}, h("label", { for: "replay-from" }, `From (${zone()})`), from),
        h("div", {}, h("label", { for: "replay-to" }, "To (the end, if empty)"), to)),
      topics,
      found,
    ], "Count first", async () => {
      const body = asked();
      if (!body.topics.length) throw new Error("Choose a topic.");
      if (counted !== JSON.stringify(body)) {
        write(found, "Counting …");
        const result = await call("POST", hookPath(hook.id, "/replay"), { body: { ...body, dry_run: true } }).catch((problem) => {
          write(found, "");
          throw problem.isUnknownCall ? new Error("This worker can't replay.") : problem;
        });
        write(found, `${plural(result.data.matches, "delivery", "deliveries")} out of ${plural(result.data.records, "record")}.`);
        if (result.data.matches === 0) return undefined;
        counted = JSON.stringify(body);
        write(go, `Send ${plural(result.data.matches, "delivery", "deliveries")}`);
        return undefined;
      }
      const begun = await post(hookPath(hook.id, "/replay"), body);
      began(begun.records);
      toast(`The replay of ${plural(begun.records, "record")} has begun`);
      return true;
    }, (value) => { if (value !== undefined) close(value); });
    const go = node.querySelector("[type=submit]");
    // What was counted is no longer what is asked for.
    node.addEventListener("input", () => {
      counted = "";
      write(go, "Count first");
      write(found, "");
    });
    return node;
  });
}

/** What a hook still has to get of the past: {node, read, began}. Hidden while there is nothing. */
export function missedPanel(id, signal, isDisabled) {
  const bar = h("progress", { "aria-label": "Progress" });
  const text = h("p", {});
  const stops = h("div", { class: "actions" });
  const title = h("h2");
  const node = h("section", { class: "missed", hidden: true }, title, text, bar, stops);
  let most = 0;

  const read = live(signal, 3, async () => {
    const missed = await getIfKnown(hookPath(id, "/missed"), {}, signal);
    if (signal.aborted) return;
    const stretches = missed?.stretches ?? [];
    node.hidden = !missed || (missed.records === 0 && stretches.length === 0);
    if (node.hidden) {
      most = 0;
      return;
    }
    most = Math.max(most, missed.records);
    bar.hidden = !missed.sending;
    bar.max = Math.max(1, most);
    bar.value = most - missed.records;
    write(title, missed.sending ? "Catching up" : "Missed");
    write(text, missed.sending
      ? `${plural(missed.records, "record")} still to be looked at.`
      : `${plural(missed.records, "record")} passed by while it was disabled.${isDisabled() ? " You choose what becomes of them when you enable it." : ""}`);
    const replays = [...new Set(stretches.filter((one) => one.why === "replay").map((one) => one.id))];
    if (stops.dataset.of !== replays.join()) {
      stops.dataset.of = replays.join();
      fill(stops, replays.map((one) => button(replays.length > 1 ? `Stop replay ${one.slice(0, 6)}` : "Stop the replay", async () => {
        await remove(hookPath(id, `/replay/${encodeURIComponent(one)}`)).catch((problem) => toast(problem.message, true));
        read();
      }, { class: "danger-quiet" })));
    }
  });
  return { node, read, began: (records) => { most = records; read(); } };
}
