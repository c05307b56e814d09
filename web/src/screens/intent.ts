import { now } from "../api/clock";
import { session } from "../api/session";

/** A press on *Install*, kept in this window until it is answered: over a reload, and over a log-in in between. */
interface Intent {
  addon_key: string;
  workspace_id: string;
  acknowledged: boolean;
  user_id: string;
  /** The `Idempotency-Key`: the same for the same wish, so that it is never done twice. */
  key: string;
  at: number;
}

const LIFE_MS = 15 * 60_000; // who comes later may have changed their mind
const PLACE = "souk-install";

export function keepIntent(wish: Omit<Intent, "user_id" | "key" | "at">): Intent {
  const before = intentFor(wish.addon_key);
  const same = before?.workspace_id === wish.workspace_id && before.acknowledged === wish.acknowledged;
  const kept = { ...wish, user_id: who(), key: same ? before.key : crypto.randomUUID(), at: now() };
  sessionStorage.setItem(PLACE, JSON.stringify(kept));
  return kept;
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
