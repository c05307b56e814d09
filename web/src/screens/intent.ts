import { now } from "../api/clock";
import { session } from "../api/session";
import { here } from "../ways";

/** A press on *Install*, kept in this window until it is answered: over a reload, and over a log-in in between. */
interface Intent {
  addon_key: string;
  workspace_id: string;
  acknowledged: boolean;
  /** The page of the press: whoever had to log in first and is back there has pressed already. */
  resume: string;
  user_id: string;
  /** The `Idempotency-Key`: the same for the same wish, so that it is never done twice. */
  key: string;
  at: number;
}

const LIFE_MS = 15 * 60_000; // who comes later may have changed their mind
const PLACE = "souk-install";

export function keepIntent(wish: Omit<Intent, "user_id" | "key" | "at" | "resume">): Intent {
  const before = intentFor(wish.addon_key);
  const same = before?.workspace_id === wish.workspace_id && before.acknowledged === wish.acknowledged;
  const kept = { ...wish, resume: "", user_id: who(), key: same ? before.key : crypto.randomUUID(), at: now() };
  sessionStorage.setItem(PLACE, JSON.stringify(kept));
  return kept;
}

/** A log-in stands between the press and its answer: it counts as soon as the visitor is back. */
export function resumeAfterLogin(kept: Intent): void {
  sessionStorage.setItem(PLACE, JSON.stringify({ ...kept, resume: here() }));
}

/** The visitor went elsewhere: what they pressed waits for another press. */
export function dropResume(): void {
  const kept = sessionStorage.getItem(PLACE);
  if (kept) sessionStorage.setItem(PLACE, JSON.stringify({ ...JSON.parse(kept), resume: "" }));
}

/** The unanswered wish of this visitor for this add-on. */
export function intentFor(addonKey: string): Intent | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null") as Intent | null;
    if (!kept || kept.addon_key !== addonKey || kept.user_id !== who()) return undefined;
    return now() - kept.at < LIFE_MS ? kept : undefined;
  } catch {
    return undefined;
  }
}

export function forgetIntent(): void {
  sessionStorage.removeItem(PLACE);
}

function who(): string {
  return session.value.is === "somebody" ? session.value.user.id : "";
}
