import { signal } from "@preact/signals";
import { api, take } from "./api/client";
import { session } from "./api/session";
import type { ArrivalView } from "./api/types";
import { here, wayBack, withQuery } from "./ways";

/** What a log-in is refused with that a code of the visitor's completes. */
export const SECOND = "two-factor-needed";

/** The product that knows this visitor, for the log-in screen. Undefined until it is known. */
export const arrival = signal<ArrivalView | undefined>(undefined);

/** Why a silent log-in has come to nothing, where the visitor can do something about it. */
export const hindered = signal("");

/** What the way here has left in the address, which says nothing to anybody who copies it. */
const SPENT = ["region", "subdomain", "iss", "login_hint"];

/**
 * Who comes from a product that knows them is logged in without a form (S1, S6): the whole window goes there, once a
 * visit, which the service watches over. Not from the log-in itself, where somebody may want to be another.
 */
export async function arrive(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const slug = query.get("login") ?? "";
  hindered.value = slug === "login-refused" ? "" : slug; // the product did not know them, of which nobody wants to hear
  if (session.value.is !== "nobody") return;
  const atLogin = location.pathname === "/login" || location.pathname === "/signup";
  const given = Object.fromEntries(SPENT.map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const return_to = (atLogin && wayBack(query)) || clean();
  if (slug === SECOND && !atLogin) return location.replace(withQuery("/login", { error: SECOND, return_to }));
  if (!atLogin && return_to !== here()) history.replaceState(history.state, "", return_to);
  try {
    const found = await take(
      api.GET("/api/auth/v1/arrival", {
        params: { query: { ...given, referrer: document.referrer || null, return_to } },
      }),
    );
    arrival.value = found;
    if (found.silent_url && !atLogin) location.replace(found.silent_url);
  } catch {
    arrival.value = {}; // nobody is kept from reading by it; the log-in screen offers every way
  }
}

/** This page without what the way here has left in its address. */
function clean(): string {
  const url = new URL(here(), location.origin);
  for (const name of [...SPENT, "login"]) url.searchParams.delete(name);
  return url.pathname + url.search + url.hash;
}
