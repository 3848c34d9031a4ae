// Changes of a hook. If a change may have been made, the hook is read before a retry.

import { Problem, call, get, hookPath } from "./api.js";

/** Change the fields of a hook, and return the hook. */
export async function change(id, body) {
  try {
    return await send("PUT", hookPath(id), body);
  } catch (problem) {
    const now = await seen(problem, id);
    if (now === null) throw problem;
    const isDone = Object.entries(body).every(([name, value]) => name === "resume" || JSON.stringify(now[name]) === JSON.stringify(value));
    return isDone ? now : send("PUT", hookPath(id), body, now.revision);
  }
}

/** Delete a hook. */
export async function removeHook(id) {
  try {
    await send("DELETE", hookPath(id));
  } catch (problem) {
    if (await seen(problem, id) !== null) await send("DELETE", hookPath(id));
  }
}

/** Give a hook a new secret, exactly once, and return the hook with it. */
export async function rotate(id) {
  const { revision } = await get(hookPath(id));
  const path = hookPath(id, "/rotate-secret");
  try {
    return await send("POST", path, undefined, revision);
  } catch (problem) {
    const now = await seen(problem, id);
    if (revision !== undefined && now?.revision === revision) return send("POST", path, undefined, revision);
    throw new Error("The hook has changed. It may have a new secret that was not shown: rotate again to see one.");
  }
}

const send = async (method, path, body, revision) => (await call(method, path, { body, ifMatch: revision })).data;

/** Return the current hook, null if it does not exist; throw the problem again if nothing was changed. */
async function seen(problem, id) {
  if (!(problem instanceof Problem && problem.maybeApplied)) throw problem;
  try {
    return await get(hookPath(id));
  } catch (another) {
    if (another instanceof Problem && another.status === 404) return null;
    throw another;
  }
}
