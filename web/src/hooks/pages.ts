import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api/problem";
import { useQuery } from "./query";

interface PageOf<T> {
  items: T[];
  next?: string | null;
}

export interface Pages<T> {
  items: T[] | undefined;
  more: boolean;
  loading: boolean;
  problem: Problem | undefined;
  next: () => void;
  reload: () => void;
}

/** The part of a query that says which page. */
export const page = (cursor: string, limit: number) => (cursor ? { limit, cursor } : { limit });

/** A list that comes in pages, each after the visitor asks for it; from the start again whenever `key` changes. */
export function usePages<T>(key: string | undefined, ask: (cursor: string) => Promise<PageOf<T>>): Pages<T> {
  const [at, setAt] = useState<{ key: string | undefined; cursor: string; before: T[] }>({
    key,
    cursor: "",
    before: [],
  });
  const here = at.key === key ? at : { key, cursor: "", before: [] };
  const found = useQuery(key === undefined ? undefined : `${key} ${here.cursor}`, () => ask(here.cursor));
  // While another search is under way, what the last one found stays; once it has failed it is gone.
  const shown = useRef<T[] | undefined>(undefined);
  if (key === undefined) shown.current = undefined;
  if (found.data) shown.current = [...here.before, ...found.data.items];
  useEffect(() => setAt({ key, cursor: "", before: [] }), [key]);
  const cursor = found.data?.next;
  return {
    items: !found.problem || found.data ? shown.current : here.before.length > 0 ? here.before : undefined,
    more: Boolean(cursor) || (found.loading && here.before.length > 0),
    loading: found.loading,
    problem: found.problem,
    next: () => cursor && setAt({ key, cursor, before: shown.current ?? [] }),
    reload: found.reload,
  };
}
