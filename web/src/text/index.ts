import { en } from "../../messages/en";
import type { Problem } from "../api/problem";

/** The texts of every screen. Another language is another object of this shape. */
export const text = en;

/** A problem in words: ours where the slug is known, else the service's own. */
export function told(problem: Problem): { title: string; detail: string } {
  const known = (text.problems as Record<string, { title: string; detail?: string } | undefined>)[problem.slug];
  if (known) return { title: known.title, detail: known.detail ?? "" };
  if (problem.status >= 500)
    return { title: text.problems.maintenance.title, detail: text.problems.maintenance.detail };
  return { title: problem.message, detail: problem.detail };
}
