import { text } from ".";

/** What a manifest's scopes allow, in words: what may be seen, then what may be changed. */
export function permissions(scopes: readonly string[]): { key: string; words: string; changes: boolean }[] {
  return scopes
    .map((scope) => {
      const changes = scope.endsWith("_WRITE");
      const about = scope.replace(/_(READ|WRITE)$/, "");
      const what = text.scopes[about] ?? about.toLowerCase().replaceAll("_", " ");
      return { key: scope, words: changes ? text.addon.change(what) : text.addon.see(what), changes };
    })
    .sort((one, other) => Number(one.changes) - Number(other.changes) || one.words.localeCompare(other.words));
}
