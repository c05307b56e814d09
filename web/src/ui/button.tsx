import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { text } from "../text";

type Look = "primary" | "danger" | "quiet";

interface Looks {
  look?: Look;
  big?: boolean;
  block?: boolean;
  children: ComponentChildren;
}

function classes({ look, big, block }: Looks): string {
  return ["button", look, big && "big", block && "block"].filter(Boolean).join(" ");
}

interface ButtonProps extends Looks {
  onPress?: () => void;
  type?: "button" | "submit";
  /** Works on it: cannot be pressed again, and says so to those who listen. */
  pending?: boolean;
  disabled?: boolean;
  label?: string;
  autofocus?: boolean | undefined;
}

/** It stays focusable while it does nothing, so that nobody who uses the keyboard is thrown out. */
export function Button(props: ButtonProps) {
  const idle = Boolean(props.pending || props.disabled);
  return (
    <button
      type={props.type ?? "button"}
      class={classes(props)}
      aria-disabled={idle}
      aria-busy={props.pending}
      aria-label={props.label}
      autofocus={props.autofocus}
      onClick={(event) => {
        if (idle) event.preventDefault();
        else props.onPress?.();
      }}
    >
      {props.pending && <span class="spinner" />}
      {props.children}
    </button>
  );
}

/** Leads to a page of ours. */
export function ButtonLink(props: Looks & { href: string; label?: string }) {
  return (
    <Link href={props.href} class={classes(props)} aria-label={props.label}>
      {props.children}
    </Link>
  );
}

/** Leads away from the client's own pages: to a service, or to a product. */
export function ButtonAway(props: Looks & { href: string }) {
  return (
    <a href={props.href} class={classes(props)}>
      {props.children}
    </a>
  );
}

/** Puts a text that is shown once where it can be kept. */
export function Copy({ value }: { value: string }) {
  const [done, setDone] = useState(false);
  return (
    <Button onPress={() => void navigator.clipboard.writeText(value).then(() => setDone(true))}>
      {done ? text.common.copied : text.common.copy}
    </Button>
  );
}
