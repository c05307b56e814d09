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
  const asking = useRef(ask);
  asking.current = ask;
  const look = useRef(() => {});

  useEffect(() => {
    if (key === undefined) return setState({ loading: false }); // whoever looked is not here any more
    let over = false;
    let busy = false;
    let again = false;
    let failures = 0;
    let timer = 0;
    setState((before) => ({ ...(before.key === key ? before : {}), key, loading: true }));
    const came = (data: T) => {
      failures = 0;
      setState({ key, data, loading: false });
    };
    const failed = (problem: Problem) => {
      const gone = problem.status === 403 || problem.status === 404;
      setState((before) => ({ data: gone ? undefined : before.data, key, problem, loading: false }));
      if (!problem.passes) return;
      const pause = Math.min(FIRST_PAUSE_S * 2 ** failures, LONGEST_PAUSE_S);
      failures += 1;
      timer = window.setTimeout(() => look.current(), Math.max(pause, problem.retryAfter ?? 0) * 1000);
    };
    // Who asks again too soon is answered after the answer that is under way: on a slow line none would ever come else.
    const once = async () => {
      again = busy;
      if (busy) return;
      busy = true;
      clearTimeout(timer);
      setState((before) => ({ ...before, loading: true }));
      const tell = await asking.current().then(
        (data) => () => came(data),
        (thrown) => () => failed(asProblem(thrown)),
      );
      busy = false;
      if (over) return;
      tell();
      if (again) void once();
    };
    const online = () => failures > 0 && void once();
    look.current = () => void once();
    look.current();
    window.addEventListener("online", online);
    return () => {
      over = true;
      look.current = () => {};
      clearTimeout(timer);
      window.removeEventListener("online", online);
    };
  }, [key]);

  const reload = useCallback(() => look.current(), []);
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
