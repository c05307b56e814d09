import { useEffect, useState } from "preact/hooks";
import { follow, type Line } from "../api/stream";

const GATHER_MS = 60; // a step and its event come together

/** Ask again whenever something happens there (undefined: nowhere). Tells how the line is. */
export function useLive(path: string | undefined, reload: () => void): Line {
  const [line, setLine] = useState<Line>("connecting");
  useEffect(() => {
    if (path === undefined) return;
    let timer = 0;
    const soon = () => {
      timer ||= window.setTimeout(() => {
        timer = 0;
        reload();
      }, GATHER_MS);
    };
    const stop = follow(path, {
      onEvent: (event) => event.event !== "end" && soon(),
      onLine: setLine,
      onOver: soon,
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [path, reload]);
  return line;
}
