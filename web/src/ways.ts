/** Addresses of our own pages, and the way back to them. */

export const ways = {
  home: "/",
  addon: (key: string) => `/addons/${encodeURIComponent(key)}`,
  install: (key: string, workspace?: string) =>
    `/addons/${encodeURIComponent(key)}/install${workspace ? `?workspace=${encodeURIComponent(workspace)}` : ""}`,
  installation: (id: string) => `/installations/${encodeURIComponent(id)}`,
  workspace: (id: string) => `/workspaces/${encodeURIComponent(id)}`,
  accounts: "/manage-accounts",
  notices: "/notices",
  profile: "/profile",
  login: (returnTo?: string) => withQuery("/login", { return_to: returnTo }),
  signUp: (returnTo?: string) => withQuery("/signup", { return_to: returnTo }),
} as const;

/** Path, query and fragment of the page that is open. */
export function here(): string {
  return location.pathname + location.search + location.hash;
}

/** The address with what is given added to its query. */
export function withQuery(address: string, given: Record<string, string | undefined>): string {
  const url = new URL(address, location.origin);
  for (const [name, value] of Object.entries(given)) if (value) url.searchParams.set(name, value);
  return url.origin === location.origin ? url.pathname + url.search + url.hash : url.href;
}

/** Where `return_to` of this page leads: to a page of ours, whatever somebody has written there. */
export function wayBack(query: URLSearchParams): string | undefined {
  return ownPath(query.get("return_to"));
}

/** The path of an address on this origin; of another one, nothing. */
export function ownPath(given: string | null | undefined): string | undefined {
  if (!given || !URL.canParse(given, location.origin)) return undefined;
  const url = new URL(given, location.origin);
  // A path that begins with two slashes is another host, as soon as a page leads to it.
  return url.origin === location.origin && !url.pathname.startsWith("//")
    ? url.pathname + url.search + url.hash
    : undefined;
}

/** An address that a publisher or operator gave, if it is one of the web or of a mailbox: `javascript:` is neither. */
export function outside(given: string | null | undefined): string | undefined {
  if (!given || !URL.canParse(given)) return undefined;
  return /^(https?|mailto):$/.test(new URL(given).protocol) ? given : undefined;
}
