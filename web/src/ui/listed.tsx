import type { ComponentChildren } from "preact";
import type { Pages } from "../hooks/pages";
import { text } from "../text";
import { Button } from "./button";
import { Bones, Failure, Stale } from "./failure";

interface ListedProps<T> {
  of: Pages<T>;
  bones?: { count?: number; size?: "line" | "card-sized" };
  /** In the place of a list with nothing in it. */
  empty: ComponentChildren;
  children: (items: T[]) => ComponentChildren;
}

/** A list in each of its states: it comes, it does not come, nothing is in it, there is more of it. */
export function Listed<T>({ of: pages, bones, empty, children }: ListedProps<T>) {
  const { items, problem } = pages;
  return (
    <div class="stack" aria-busy={pages.loading}>
      {problem && (items ? <Stale of={pages} /> : <Failure of={problem} retry={pages.reload} />)}
      {!items && !problem && <Bones {...{ count: 2, size: "card-sized", ...bones }} />}
      {items && (items.length > 0 ? children(items) : empty)}
      {pages.more && (
        <div>
          <Button pending={pages.loading} onPress={pages.next}>
            {text.common.more}
          </Button>
        </div>
      )}
    </div>
  );
}
