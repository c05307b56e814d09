import type { ComponentChildren } from "preact";
import type { Problem } from "../api/problem";
import type { Query } from "../hooks/query";
import { text, told } from "../text";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";
import { Note } from "./note";

/** What was refused, beside what was tried; what is wrong with a field stands at the field. */
export function Refusal({ of: problem }: { of: Problem | undefined }) {
  if (!problem) return null;
  const { title, detail } = told(problem);
  return (
    <Note tone="bad" live>
      <p>
        <strong>{title}</strong>
      </p>
      {detail && problem.fields.length === 0 && <p>{detail}</p>}
      {problem.correlationId && problem.status >= 500 && <Reference id={problem.correlationId} />}
    </Note>
  );
}

/** In the place of what could not be shown: why, what happens by itself, and what to do. */
export function Failure({ of: problem, retry }: { of: Problem; retry?: () => void }) {
  const { title, detail } = told(problem);
  return (
    <div class="empty" role="alert">
      <Icon name={problem.status >= 500 ? "tools" : "alert"} size={32} />
      <h2>{title}</h2>
      {detail && <p class="soft">{detail}</p>}
      {problem.passes && <p class="soft">{text.common.triesAgain}</p>}
      {retry && (
        <Button onPress={retry} look="primary">
          {text.common.tryNow}
        </Button>
      )}
      {problem.correlationId && <Reference id={problem.correlationId} />}
    </div>
  );
}

function Reference({ id }: { id: string }) {
  return (
    <p class="small soft">
      {text.common.reference} <code>{id}</code>
    </p>
  );
}

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}

/** Nothing is there yet, and how there may be something. */
export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

interface LoadedProps<T> {
  query: Query<T>;
  /** How many boxes of which size stand there meanwhile. */
  bones?: { count?: number; size?: "line" | "card-sized" | "page-sized" };
  children: (data: T) => ComponentChildren;
}

/** What a query brought; else that it comes, or why it does not. What is there stays while it is asked again. */
export function Loaded<T>({ query, bones, children }: LoadedProps<T>) {
  if (query.data !== undefined) {
    return (
      <>
        <Stale of={query} />
        {children(query.data)}
      </>
    );
  }
  if (query.problem) return <Failure of={query.problem} retry={query.reload} />;
  return <Bones {...bones} />;
}

export function Bones({ count = 1, size = "page-sized" }: { count?: number; size?: string }) {
  return (
    <div class="stack" role="status" aria-label={text.common.loading}>
      {Array.from({ length: count }, (_, n) => (
        <span key={n} class={`bones ${size}`} />
      ))}
    </div>
  );
}

/** Above what is there already: that it could not be asked for again, or that nobody tells what changes (`lost`). */
export function Stale({ of: query, lost }: { of?: Pick<Query<unknown>, "problem" | "reload">; lost?: boolean }) {
  if (!query?.problem) return lost ? <Note tone="warn" live children={text.progress.lost} /> : null;
  return (
    <Note tone="warn" live>
      <p>
        {told(query.problem).title} {text.common.mayBeOld}
      </p>
      <Button onPress={query.reload} look="quiet">
        {text.common.tryNow}
      </Button>
    </Note>
  );
}
