import { useState } from "preact/hooks";
import { now } from "../api/clock";
import type { TimelineEntry } from "../api/types";
import { text } from "../text";
import { clockTime, duration, moment } from "../text/format";
import { Badge, Button } from "../ui";

const FEW = 6;
const DAY_MS = 86_400_000;

/** Everything that has happened, the newest first. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  const [all, setAll] = useState(false);
  if (entries.length === 0) return null;
  const newest = [...entries].reverse();
  return (
    <section class="stack tight">
      <h2>{text.progress.timeline}</h2>
      <ol class="timeline">
        {(all ? newest : newest.slice(0, FEW)).map((one) => (
          <Entry key={`${one.n} ${one.at}`} one={one} />
        ))}
      </ol>
      {!all && entries.length > FEW && (
        <div>
          <Button look="quiet" onPress={() => setAll(true)}>
            {text.progress.older}
          </Button>
        </div>
      )}
    </section>
  );
}

function Entry({ one }: { one: TimelineEntry }) {
  const details = describe(one);
  return (
    <li>
      <time dateTime={one.at} title={moment(one.at)} class="small soft">
        {recent(one.at) ? clockTime(one.at) : moment(one.at)}
      </time>
      <div class="grow">
        <p>
          {title(one)} {one.side && <Badge tone={one.side === "you" ? "plain" : "warn"}>{text.sides[one.side]}</Badge>}
        </p>
        {details && (
          <p class="small soft" dir="auto">
            {details}
          </p>
        )}
      </div>
    </li>
  );
}

const recent = (at: string) => now() - Date.parse(at) < DAY_MS;

function title(one: TimelineEntry): string {
  if (one.what === "state" && one.target) return text.states[one.target];
  const call = one.kind ? ` ${text.calls[one.kind] ?? one.kind}` : "";
  const attempt = one.what === "attempt" && one.attempt ? ` (${text.progress.attempt(one.attempt)})` : "";
  return `${text.steps[one.what] ?? one.what}${call}${attempt}`;
}

function describe(one: TimelineEntry): string {
  const said: string[] = [];
  if (one.reason) said.push(text.reasons[one.reason]);
  if (one.waiting_for) said.push(text.waiting[one.waiting_for]);
  if (one.result) {
    const result = text.results[one.result] ?? one.result;
    said.push(one.duration_ms ? text.progress.tried(result, duration(one.duration_ms)) : result);
  }
  if (one.status) said.push(text.progress.status(one.status));
  if (one.detail) said.push(one.detail);
  return said.join(" · ");
}
