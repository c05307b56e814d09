import { signal } from "@preact/signals";
import { api, take } from "./client";
import type { Site } from "./types";

/** What the operator says of this marketplace: its product's name, and where help is. Undefined until it came. */
export const site = signal<Site | undefined>(undefined);

/** Ask for it; without an answer the pages do without. */
export async function learnSite(): Promise<void> {
  try {
    site.value = await take(api.GET("/api/notifier/v1/site"));
  } catch {
    setTimeout(learnSite, 15_000);
  }
}
