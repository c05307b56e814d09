import { useEffect, useRef } from "preact/hooks";

/** Hear what happens to the window or the document, as long as the part is shown. */
export function useHeard(where: Window | Document, what: string, act: (event: Event) => void): void {
  const acting = useRef(act);
  acting.current = act;
  useEffect(() => {
    const end = new AbortController();
    const heard = (event: Event) => acting.current(event);
    for (const name of what.split(" ")) where.addEventListener(name, heard, { signal: end.signal });
    return () => end.abort();
  }, [where, what]);
}
