import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem";

const FIRST_PAUSE_S = 2;
const LONGEST_PAUSE_S = 30;

export interface Query<T> {
  /** The newest that came; stays while it is asked again. */
  data: T | undefined;
  /** Why the last try brought nothing. */
  problem: Problem | undefined;
  loading: boolean;
  reload: () => void;
  /** Show this until it is asked again. */
  put: (data: T) => void;
}

/**
 * What a service answers, asked again whenever `key` changes (undefined: not at all). What may pass by itself is tried
 * again by itself.
 */
export function useQuery<T>(key: string | undefined, ask: () => Promise<T>): Query<T> {
  const [state, setState] = useState<{ key?: string; data?: T; problem?: Problem; loading: boolean }>({
    loading: key !== undefined,
  });
  const [turn, setTurn] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;
  const failures = useRef(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `turn` asks again for the same
  useEffect(() => {
    if (key === undefined) return;
    let current = true;
    let timer = 0;
    const again = () => setTurn((n) => n + 1);
    setState((before) => ({ ...(before.key === key ? before : {}), key, loading: true }));
    asking.current().then(
      (data) => {
        failures.current = 0;
        if (current) setState({ key, data, loading: false });
      },
      (thrown) => {
        if (!current) return;
        const problem = asProblem(thrown);
        setState((before) => ({ ...before, key, problem, loading: false }));
        if (problem.passes) {
          const pause = Math.min(FIRST_PAUSE_S * 2 ** failures.current, LONGEST_PAUSE_S);
          failures.current += 1;
          timer = window.setTimeout(again, Math.max(pause, problem.retryAfter ?? 0) * 1000);
          window.addEventListener("online", again, { once: true });
        }
      },
    );
    return () => {
      current = false;
      clearTimeout(timer);
      window.removeEventListener("online", again);
    };
  }, [key, turn]);

  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const put = useCallback((data: T) => setState((before) => ({ ...before, data, loading: false })), []);
  const fits = state.key === key;
  return {
    data: fits ? state.data : undefined,
    problem: fits ? state.problem : undefined,
    loading: fits ? state.loading : key !== undefined,
    reload,
    put,
  };
}
