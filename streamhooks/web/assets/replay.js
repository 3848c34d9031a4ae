// Enabling a hook with its missed records, replaying a period, and the progress of both.

import { call, getIfKnown, hookPath, post, remove } from "./api.js";
import { change } from "./changing.js";
import { form, open } from "./dialogs.js";
import { button, fill, h, toast, write } from "./dom.js";
import { at, isoOf, localInput, plural, zone } from "./format.js";
import { isApp, isMessage } from "./hook_state.js";
import { live } from "./live.js";
import { TOPICS } from "./tables.js";

/** Ask what to do with missed records, and enable the hook; resolves to true if it was done. */
export async function enable(id) {
  const missed = await getIfKnown(hookPath(id, "/missed")).catch(() => ({ records: null, since: null }));
  // Null: an older worker that keeps no missed records. After an error, the hook may have missed some.
  const asks = missed !== null && missed.records !== 0;
  return (await open("Enable this hook", (close) => {
    const time = h("input", { type: "datetime-local", step: 1, "aria-label": "From this time on", value: localInput(Date.parse(missed?.since ?? "") || Date.now() - 3_600_000) });
    const choice = (value, text) => h("label", { class: "line" },
      h("input", { type: "radio", name: "resume", value, required: true }), h("span", {}, text));
    const choices = h("fieldset", {}, h("legend", {}, "Missed records"),
      choice("skip", "Skip them"),
      choice("all", "Send all"),
      choice("time", [`Send those from this time on (${zone()}): `, time]));
    time.addEventListener("input", () => { choices.querySelector("[value=time]").checked = true; });
    const removed = missed?.available_from ? [" Kafka's retention has removed those before ", at(missed.available_from), "."] : "";
    const known = missed && h("p", {}, !asks ? [removed ? "None of the records that it missed is left." : "It missed no records.", removed]
      : missed.records === null ? "The number of missed records can't be read now." : [
        `It missed ${plural(missed.records, "record")}`, missed.since ? [" since ", at(missed.since)] : "", ".", removed]);
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

/** Ask for a period, count, and send again what the hook would have got; `began(records)` is called at the start. */
export function replay(hook, began) {
  return open("Replay", (close) => {
    const now = Date.now();
    const from = h("input", { type: "datetime-local", id: "replay-from", step: 1, required: true, value: localInput(now - 3_600_000) });
    const to = h("input", { type: "datetime-local", id: "replay-to", step: 1 });
    // A message hook gets records of all topics, of one's own as well: the worker knows which of them can fire it.
    const topics = isMessage(hook) ? null : h("fieldset", {}, h("legend", {}, "Topics"), TOPICS[isApp(hook) ? "app" : "service"].map((name) =>
      h("label", { class: "line" }, h("input", { type: "checkbox", name: "topics", value: name, checked: true }), h("span", {}, name))));
    const found = h("p", { class: "found", role: "status" });
    let counted = "";

    const asked = () => ({
      from: isoOf(from),
      ...(to.value ? { to: isoOf(to) } : {}),
      ...(topics ? { topics: [...topics.querySelectorAll(":checked")].map((box) => box.value) } : {}),
    });
    const node = form([
      h("p", {}, "Everything that this hook would have got is sent again, alongside the live traffic. Each delivery has its original webhook-id, so a receiver can drop duplicates."),
      h("div", { class: "pair" },
        h("div", {}, h("label", { for: "replay-from" }, `From (${zone()})`), from),
        h("div", {}, h("label", { for: "replay-to" }, "To (empty: the end)"), to)),
      topics,
      found,
    ], "Count first", async () => {
      const body = asked();
      if (topics && !body.topics.length) throw new Error("Choose a topic.");
      if (counted !== JSON.stringify(body)) {
        write(found, "Counting …");
        const result = await call("POST", hookPath(hook.id, "/replay"), { body: { ...body, dry_run: true } }).catch((problem) => {
          write(found, "");
          throw problem.isUnknownCall ? new Error("This worker can't replay.") : problem;
        });
        const { matches, records } = result.data;
        write(found, `${plural(matches, "delivery", "deliveries")} out of ${plural(records, "record")}.${matches || !records ? "" : " Explain says of a record why this hook does not get it."}`);
        if (matches === 0) return undefined;
        counted = JSON.stringify(body);
        write(go, `Send ${plural(matches, "delivery", "deliveries")}`);
        return undefined;
      }
      const begun = await post(hookPath(hook.id, "/replay"), body);
      began(begun.records);
      toast(`The replay of ${plural(begun.records, "record")} has started`);
      return true;
    }, (value) => { if (value !== undefined) close(value); });
    const go = node.querySelector("[type=submit]");
    // The count no longer belongs to the input.
    node.addEventListener("input", () => {
      counted = "";
      write(go, "Count first");
      write(found, "");
    });
    return node;
  });
}

/** Return a panel of the hook's backlog: {node, read, began}. It is hidden while there is none. */
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
      ? `${plural(missed.records, "record")} left to examine.`
      : `${plural(missed.records, "record")} missed while it was disabled.${isDisabled() ? " When you enable it, you choose what to do with them." : ""}`);
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
