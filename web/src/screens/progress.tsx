import type { Installation, State } from "../api/types";
import { text } from "../text";
import { Badge, Fact, Icon, Moment, Until } from "../ui";

const ORDER: { state: State; words: keyof typeof text.progress }[] = [
  { state: "REQUESTED", words: "requested" },
  { state: "CHECKING", words: "checking" },
  { state: "DELIVERING", words: "delivering" },
  { state: "INSTALLED", words: "finished" },
];

/** How far it has come. Waiting is a pause in the step that waits. */
export function Steps({ one }: { one: Installation }) {
  const waits = one.waiting_for === "workspace_check" ? "CHECKING" : "DELIVERING";
  const state = one.state === "WAITING" ? waits : one.state;
  const reached = Math.max(
    0,
    ORDER.findIndex((each) => each.state === state),
  );
  return (
    <ol class="steps" aria-label={text.progress.steps}>
      {ORDER.map((each, at) => (
        <StepRow key={each.state} words={text.progress[each.words] as string} is={Math.sign(at - reached)} one={one} />
      ))}
    </ol>
  );
}

/** `is`: -1 done, 0 under way, 1 still to come. */
function StepRow({ words, is, one }: { words: string; is: number; one: Installation }) {
  const attempt = one.call?.attempt ?? 0;
  const now = one.trouble ? <Icon name="clock" size={16} /> : <span class="spinner" />;
  const mark = is < 0 ? <Icon name="check" size={16} label={text.progress.done} /> : is === 0 && now;
  return (
    <li class={["done", "current", ""][is + 1]} aria-current={is === 0 ? "step" : undefined}>
      <span class="dot">{mark}</span>
      <span>
        {words} {is === 0 && attempt > 0 && <span class="small soft">{text.progress.attempt(attempt)}</span>}
      </span>
    </li>
  );
}

/** Whose side the trouble is on, what it waits for, what happens next and when, and until when at most. */
export function Situation({ one }: { one: Installation }) {
  if (one.outcome !== "pending") return null;
  const under = one.call?.under_way;
  return (
    <dl class="facts card">
      {one.side && (
        <Fact name={text.progress.side}>
          <Badge tone="warn">{text.sides[one.side]}</Badge>
        </Fact>
      )}
      <dt>{text.progress.nextAt}</dt>
      <dd>
        {one.waiting_for && (one.trouble || !under) && <p role="status">{text.waiting[one.waiting_for]}</p>}
        {under ? (
          <p>{text.progress.underWay}</p>
        ) : (
          one.next && (
            <p>
              {text.nextActions[one.next.action]} {one.next.at && <Until at={one.next.at} due={text.common.now} />}
            </p>
          )
        )}
      </dd>
      {one.until && (
        <Fact name={text.progress.by}>
          <Moment at={one.until} />
        </Fact>
      )}
    </dl>
  );
}
