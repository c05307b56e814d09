import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Link } from "wouter-preact";
import { site } from "../api/site";
import { text } from "../text";
import { Icon } from "./icon";

let path = location.pathname;
let opened = false; // before, whoever presses Tab begins at the top

interface PageProps {
  title: string;
  /** Shown in the place of the title. */
  heading?: ComponentChildren;
  lead?: ComponentChildren;
  back?: { href: string; text: string } | undefined;
  wide?: boolean;
  children: ComponentChildren;
}

/** One line of a `dl` of facts. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

interface CardProps {
  title: string;
  lead?: string;
  id?: string;
  children: ComponentChildren;
}

/** A part of a screen. */
export function Card({ title, lead, id, children }: CardProps) {
  return (
    <section class="card stack" id={id}>
      <div>
        <h2>{title}</h2>
        {lead && <p class="soft">{lead}</p>}
      </div>
      {children}
    </section>
  );
}

/**
 * One screen: names the window, and takes the focus when it opens, so that it is read from its title on. What changes by
 * itself takes it from nobody who is elsewhere in the page.
 */
export function Page({ title, heading, lead, back, wide, children }: PageProps) {
  const head = useRef<HTMLHeadingElement>(null);
  const product = site.value?.product_name ?? text.home.title;
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title, product]);
  useEffect(() => {
    const moved = path !== location.pathname;
    path = location.pathname;
    const part = location.hash && document.getElementById(location.hash.slice(1));
    if (part) part.scrollIntoView();
    else if (moved) window.scrollTo(0, 0);
    if (moved || (opened && document.activeElement === document.body)) head.current?.focus({ preventScroll: true });
    opened = true;
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
