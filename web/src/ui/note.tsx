import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon";

export type Tone = "good" | "warn" | "bad" | "plain";

const ICONS: Record<Tone, IconName> = { good: "check", warn: "alert", bad: "alert", plain: "info" };

export interface NoteProps {
  tone?: Tone;
  icon?: IconName;
  /** Read out at once to those who listen, because it has just come. */
  live?: boolean;
  children: ComponentChildren;
}

export function Note({ tone = "plain", icon, live, children }: NoteProps) {
  return (
    <div class={`note ${tone}`} role={live ? (tone === "bad" ? "alert" : "status") : undefined}>
      <Icon name={icon ?? ICONS[tone]} />
      <div class="grow stack tight">{children}</div>
    </div>
  );
}

export function Badge({
  tone = "plain",
  icon,
  children,
}: {
  tone?: Tone;
  icon?: IconName;
  children: ComponentChildren;
}) {
  return (
    <span class={`badge ${tone}`}>
      {icon && <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}
