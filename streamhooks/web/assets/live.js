// Read the shown data again every few seconds, while the page is visible and not paused.

const pulse = new EventTarget();
let paused = false;
let listener = () => {};
const failing = new Map();

export const isLive = () => !paused && !document.hidden;

export function setPaused(value) {
  paused = value;
  if (isLive()) pulse.dispatchEvent(new Event("resume"));
}

document.addEventListener("visibilitychange", () => {
  if (isLive()) pulse.dispatchEvent(new Event("resume"));
});

/** Set the function that is called with an error when reading begins to fail, and with null when it works again. */
export function onTrouble(report) {
  listener = report;
}

/** Do `work(signal)` now and every few seconds, until the signal ends it. Return a function that does it at once. */
export function live(signal, seconds, work) {
  const me = {};
  let timer = 0;
  let busy = false;
  let again = false;

  async function run() {
    clearTimeout(timer);
    if (signal.aborted) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await work(signal);
      failing.delete(me);
    } catch (error) {
      if (!signal.aborted) failing.set(me, error);
    }
    busy = false;
    if (signal.aborted) return;
    listener([...failing.values()].at(-1) ?? null);
    if (again) {
      again = false;
      run();
    } else if (isLive()) {
      timer = setTimeout(run, seconds * 1000);
    }
  }

  pulse.addEventListener("resume", run, { signal });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    failing.delete(me);
  });
  run();
  return run;
}

/** Do `work` for each item, at most `most` at a time. */
export async function fewAtATime(items, most, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: most }, async () => {
    while (queue.length) await work(queue.shift());
  }));
}
