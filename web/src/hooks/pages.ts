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

/** A list that comes in pages, each after the visitor asks for it; from the start again whenever `key` changes. */
export function usePages<T>(key: string | undefined, ask: (cursor: string) => Promise<PageOf<T>>): Pages<T> {
  const [at, setAt] = useState<{ key: string | undefined; cursor: string; before: T[] }>({
    key,
    cursor: "",
    before: [],
  });
  const here = at.key === key ? at : { key, cursor: "", before: [] };
  const page = useQuery(key === undefined ? undefined : `${key} ${here.cursor}`, () => ask(here.cursor));
  // While another search is under way, what the last one found stays.
  const shown = useRef<T[] | undefined>(undefined);
  if (page.data) shown.current = [...here.before, ...page.data.items];
  useEffect(() => setAt({ key, cursor: "", before: [] }), [key]);
  const cursor = page.data?.next;
  return {
    items: page.data || page.loading ? shown.current : page.problem && here.before.length > 0 ? here.before : undefined,
    more: Boolean(cursor) || (page.loading && here.before.length > 0),
    loading: page.loading,
    problem: page.problem,
    next: () => cursor && setAt({ key, cursor, before: shown.current ?? [] }),
    reload: page.reload,
  };
}
