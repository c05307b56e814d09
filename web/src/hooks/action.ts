import { useCallback, useRef, useState } from "preact/hooks";
import { asProblem, Problem } from "../api/problem";
import { askForProof } from "../ui/step-up";

export interface Doing<A extends unknown[]> {
  run: (...given: A) => Promise<boolean>;
  pending: boolean;
  problem: Problem | undefined;
  clear: () => void;
}

/**
 * Something that a visitor does: at most once at a time, with what went wrong. If the services want a fresh proof of who
 * it is, it is asked for, and the same is done again. `run` answers whether it was done.
 */
export function useAction<A extends unknown[]>(act: (...given: A) => Promise<unknown>): Doing<A> {
  const [state, setState] = useState<{ pending: boolean; problem?: Problem }>({ pending: false });
  const acting = useRef(act);
  acting.current = act;
  const busy = useRef(false);

  const run = useCallback(async (...given: A): Promise<boolean> => {
    if (busy.current) return false;
    busy.current = true;
    setState(({ problem }) => ({ pending: true, ...(problem?.passes ? { problem } : {}) })); // it may be tried by itself
    try {
      await proving(() => acting.current(...given));
      setState({ pending: false });
      return true;
    } catch (thrown) {
      setState({ pending: false, problem: asProblem(thrown) });
      return false;
    } finally {
      busy.current = false;
    }
  }, []);
  const clear = useCallback(() => setState({ pending: false }), []);
  return { run, pending: state.pending, problem: state.problem, clear };
}

/** Do it, after a proof if one is wanted. */
export async function proving<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.slug !== "step-up-required" || !(await askForProof())) throw thrown;
    return act();
  }
}
