import createClient from "openapi-fetch";
import { learnTime } from "./clock";
import { Problem } from "./problem";
import { reach } from "./reach";
import { bearer, recognised, renewed } from "./session";
import type { Paths } from "./types";

const PATIENCE_MS = 30_000;
const RENEWED = new Set(["token-expired", "token-invalid"]);

/** Every request to the services: with the session's token, once more with a new one if it was too old. */
async function send(request: Request): Promise<Response> {
  await recognised;
  const again = request.clone();
  const token = bearer();
  const answer = await attempt(request, token);
  if (answer.status !== 401 || !token) return answer;
  const slug = (
    await answer
      .clone()
      .json()
      .catch(() => ({}))
  ).slug;
  if (!RENEWED.has(slug) || !(await renewed(token))) return answer;
  return attempt(again, bearer());
}

async function attempt(request: Request, token: string): Promise<Response> {
  if (token) request.headers.set("Authorization", `Bearer ${token}`);
  const answer = await reach(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(PATIENCE_MS)]) });
  learnTime(answer);
  return answer;
}

/** The public API, typed by the documents that the services publish. */
export const api = createClient<Paths>({ baseUrl: location.origin, fetch: send });

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** What was asked for. Throws a `Problem` for every other answer, and for none. */
export async function take<T>(answer: Answer<T>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw Problem.of(response, error);
  return data as T;
}
