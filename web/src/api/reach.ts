import { NO_ANSWER, OFFLINE, Problem } from "./problem";

/** `fetch` whose failures are problems too. A request that was called off stays an `AbortError`. */
export async function reach(what: Request | string, how: RequestInit): Promise<Response> {
  try {
    return await fetch(what, how);
  } catch (failure) {
    const name = failure instanceof Error ? failure.name : "";
    if (name === "AbortError") throw failure;
    throw new Problem(name === "TimeoutError" ? NO_ANSWER : OFFLINE, 0);
  }
}
