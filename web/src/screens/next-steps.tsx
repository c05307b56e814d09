import type { Action, Next } from "../api/types";
import { text } from "../text";
import { ButtonLink } from "../ui";
import { ownPath } from "../ways";

/** One thing that the visitor can do, as the services name it. What has no page is a sentence. */
export function NextStep({ next, primary }: { next: Next; primary?: boolean }) {
  const href = ownPath(next.href);
  const words = text.actions[next.action];
  if (!href) return next.plan ? <p>{text.upgradeTo(next.plan)}</p> : null;
  return (
    <ButtonLink href={href} look={primary ? "primary" : undefined}>
      {words}
    </ButtonLink>
  );
}

/** Several, each once; the first is what leads on. */
export function NextSteps({ of: all, only }: { of: readonly Next[]; only?: readonly Action[] }) {
  const shown = all
    .filter((one) => (only ? only.includes(one.action) : true))
    .filter((one, at, every) => every.findIndex((each) => each.action === one.action) === at);
  if (shown.length === 0) return null;
  return (
    <div class="row">
      {shown.map((one, at) => (
        <NextStep key={one.action} next={one} primary={at === 0 && !only} />
      ))}
    </div>
  );
}
