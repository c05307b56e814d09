import { useEffect, useState } from "preact/hooks";
import { now } from "../api/clock";

/** The server's time, again each second while `ticking`. */
export function useNow(ticking: boolean): number {
  const [at, setAt] = useState(now);
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setAt(now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return at;
}

/** Do it again and again, while somebody looks. */
export function useEvery(ms: number, act: () => void): void {
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && act(), ms);
    return () => clearInterval(timer);
  }, [ms, act]);
}
