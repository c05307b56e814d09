import { createParser, type EventSourceMessage } from "eventsource-parser";
import { asProblem, Problem } from "./problem";
import { reach } from "./reach";
import { freshBearer, renewed } from "./session";

const SILENT_MS = 45_000; // three heartbeats
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const OVER = new Set([401, 403]);
const NOT_YET = 404; // what the notifier has not heard of, it may hear of in a moment

export type Line = "connecting" | "live" | "lost";

interface Listener {
  onEvent(event: EventSourceMessage): void;
  /** `lost` while nothing comes and it is tried again. */
  onLine(line: Line): void;
  /** There is nothing to listen to: not for this visitor, or (404) not yet, and it is tried again. */
  onOver(problem: Problem): void;
}

/**
 * Follow live updates, across lost connections without missing any: each attempt says which event was the last.
 * Read with `fetch`, because an `EventSource` could carry the token in the address only. Returns what ends it.
 */
export function follow(path: string, listener: Listener): () => void {
  const ending = new AbortController();
  void listen(path, listener, ending.signal);
  return () => ending.abort();
}

async function listen(path: string, listener: Listener, ending: AbortSignal): Promise<void> {
  let last = "";
  let pause = FIRST_PAUSE_MS;
  listener.onLine("connecting");
  while (!ending.aborted) {
    try {
      await once(path, last, ending, listener, (id) => {
        last = id;
        pause = FIRST_PAUSE_MS;
      });
    } catch (thrown) {
      if (ending.aborted) return;
      const problem = asProblem(thrown);
      if (tell(listener, problem)) return;
      last = problem.slug === "cursor-expired" ? "" : last;
      pause = Math.max(pause, (problem.retryAfter ?? 0) * 1000);
    }
    await rest(pause * (0.8 + 0.4 * Math.random()), ending);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

/** Whether that was the end of it. */
function tell(listener: Listener, problem: Problem): boolean {
  const over = OVER.has(problem.status);
  if (over || problem.status === NOT_YET) listener.onOver(problem);
  else listener.onLine("lost");
  return over;
}

async function once(
  path: string,
  last: string,
  ending: AbortSignal,
  listener: Listener,
  onId: (id: string) => void,
): Promise<void> {
  const silence = new AbortController();
  const token = await freshBearer();
  const headers = { Authorization: `Bearer ${token}`, ...(last ? { "Last-Event-ID": last } : {}) };
  const answer = await reach(path, { headers, signal: AbortSignal.any([ending, silence.signal]) });
  if (answer.status === 401 && (await renewed(token))) return;
  if (!answer.ok || !answer.body) throw Problem.of(answer, await answer.json().catch(() => undefined));
  listener.onLine("live");
  const parser = createParser({
    onEvent(event) {
      if (event.id) onId(event.id);
      listener.onEvent(event);
    },
  });
  let watch = 0;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      clearTimeout(watch);
      watch = window.setTimeout(() => silence.abort(), SILENT_MS);
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(value);
    }
  } finally {
    clearTimeout(watch);
  }
}

/** Wait, but not beyond the moment in which the connection is back. */
function rest(ms: number, ending: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      window.removeEventListener("online", over);
      ending.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    window.addEventListener("online", over);
    ending.addEventListener("abort", over);
  });
}
