import { signal } from "@preact/signals";
import { learnTime } from "./clock";
import { asProblem, NO_ANSWER, OFFLINE, Problem } from "./problem";
import { reach } from "./reach";
import type { OpenSession, User } from "./types";

/**
 * Who is here. The access token lives in memory only; what carries the session over a reload is a cookie that no script
 * reads. `unknown` until the first answer, also while the services do not answer.
 */
export type Session = { is: "unknown"; problem?: Problem } | { is: "nobody" } | { is: "somebody"; user: User };

export const session = signal<Session>({ is: "unknown" });
/** Somebody was here, and the services have ended the session: what they did goes on after the next log-in. */
export const ended = signal(false);

const CSRF = { "X-Souk-CSRF": "1" };
const MARGIN_SECONDS = 20;
const AGAIN_MS = 5000;
const PATIENCE_MS = 10_000;

let settle = () => {};
/** Requests wait for it: what a visitor sees depends on who they are. */
export const recognised = new Promise<void>((resolve) => {
  settle = resolve;
});

let token = "";
let goodUntil = 0; // by the monotonic clock, which nobody sets wrong
let renewing: Promise<boolean> | undefined;
let trouble: Problem | undefined; // why the last exchange came to nothing

const others = "BroadcastChannel" in window ? new BroadcastChannel("souk-session") : undefined;
others?.addEventListener("message", () => void renew(token));

/** The token for a request; empty if there is none. */
export function bearer(): string {
  return token;
}

/** The same, renewed before it ends. */
export async function freshBearer(): Promise<string> {
  if (token && performance.now() > goodUntil) await renew(token);
  return token;
}

/** Look who is here, as a page opens. */
export async function recognise(): Promise<void> {
  // An answer that is late is still taken: asking again with the same cookie would end the session.
  const late = new Promise((over) => setTimeout(over, PATIENCE_MS)).then(() => unknown(new Problem(NO_ANSWER, 0)));
  await Promise.race([renew(""), late]);
  settle();
}

/** Take what a log-in gave. */
export function enter(opened: OpenSession): void {
  session.value = { is: "nobody" }; // they have chosen to be somebody else; no page has to be saved from it
  keep(opened);
  others?.postMessage("changed");
}

/** The new token of a fresh proof; the session is the same. */
export function prove(accessToken: string, seconds: number): void {
  token = accessToken;
  goodUntil = performance.now() + (seconds - MARGIN_SECONDS) * 1000;
}

/** Change what is shown of the account. */
export function know(user: User): void {
  session.value = { is: "somebody", user };
}

/** End the session, which the cookie names: a token may be too old to do it. Throws a `Problem` if it did not end. */
export async function leave(): Promise<void> {
  await renewing;
  const way = { method: "DELETE", headers: CSRF, signal: AbortSignal.timeout(PATIENCE_MS) };
  const answer = await reach("/api/auth/v1/sessions/current", way);
  if (!answer.ok && answer.status !== 401) throw Problem.of(answer, await answer.json().catch(() => undefined));
  forget(false);
}

/** Forget who was here, in other windows too; `surprised` if they did not ask for it. */
export function forget(surprised: boolean): void {
  const somebody = session.value.is === "somebody";
  ended.value = surprised && somebody;
  token = "";
  session.value = { is: "nobody" };
  if (somebody) others?.postMessage("changed");
}

/** Exchange the cookie for a new token, unless `old` has been replaced already. Whether there is one now. */
export function renew(old: string): Promise<boolean> {
  if (token && old !== token) return Promise.resolve(true);
  renewing ??= exchange().finally(() => {
    renewing = undefined;
  });
  return renewing;
}

/** The same. Throws a `Problem` if nobody could say: then the session goes on, and what was asked for may come later. */
export async function renewed(old: string): Promise<boolean> {
  const done = await renew(old);
  if (!done && session.value.is === "somebody") throw trouble ?? new Problem(OFFLINE, 0);
  return done;
}

async function exchange(): Promise<boolean> {
  let answer: Response;
  try {
    answer = await reach("/api/auth/v1/sessions/refresh", { method: "POST", headers: CSRF });
  } catch (failure) {
    return unknown(asProblem(failure));
  }
  learnTime(answer);
  const body = await answer.json().catch(() => undefined);
  if (answer.ok) {
    keep(body as OpenSession);
    return true;
  }
  if (answer.status >= 500 || answer.status === 429) return unknown(Problem.of(answer, body));
  forget(true);
  return false;
}

function unknown(problem: Problem): boolean {
  trouble = problem;
  if (session.value.is === "unknown") {
    session.value = { is: "unknown", problem };
    setTimeout(() => session.value.is === "unknown" && void renew(""), AGAIN_MS);
  }
  return false;
}

function keep(opened: OpenSession): void {
  prove(opened.access_token, opened.expires_in);
  ended.value = false;
  const before = session.value;
  // Another window may have logged in as somebody else; nothing of the one before may stay on the page.
  if (before.is === "somebody" && before.user.id !== opened.user.id) location.reload();
  session.value = { is: "somebody", user: opened.user };
}
