import { useNow } from "../hooks/now";
import { moment, relative } from "../text/format";

/** A moment, as "3 minutes ago" with day and time behind it. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {relative(at)}
    </time>
  );
}

/** A moment that comes nearer: "in 12 seconds". What is past is due now, which `due` says. */
export function Until({ at, due }: { at: string; due: string }) {
  const now = useNow(true);
  return (
    <time dateTime={at} title={moment(at)}>
      {Date.parse(at) <= now ? due : relative(at, now)}
    </time>
  );
}

export function Moment({ at }: { at: string }) {
  return <time dateTime={at}>{moment(at)}</time>;
}
