import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Link } from "wouter-preact";
import { site } from "../api/site";
import { Icon } from "./icon";

let first = true;

interface PageProps {
  title: string;
  /** Shown in the place of the title. */
  heading?: ComponentChildren;
  lead?: ComponentChildren;
  back?: { href: string; text: string } | undefined;
  wide?: boolean;
  children: ComponentChildren;
}

/** One screen: names the window, and takes the focus when it opens, so that it is read from its title on. */
export function Page({ title, heading, lead, back, wide, children }: PageProps) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${site.value?.product_name ?? "Add-ons"}`;
  }, [title]);
  useEffect(() => {
    if (!first && !location.hash) {
      window.scrollTo(0, 0);
      head.current?.focus({ preventScroll: true });
    }
    first = false;
  }, []);
  return (
    <main id="main" class={wide ? "wide" : "narrow"}>
      <div class="stack loose">
        <header class="stack tight">
          {back && (
            <Link href={back.href} class="row small">
              <Icon name="back" size={16} />
              {back.text}
            </Link>
          )}
          <h1 ref={head} tabIndex={-1}>
            {heading ?? title}
          </h1>
          {lead && <p class="soft">{lead}</p>}
        </header>
        {children}
      </div>
    </main>
  );
}
