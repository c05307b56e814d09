import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { ended, leave, recognise, session } from "../api/session";
import { site } from "../api/site";
import { arrive, hindered } from "../arrival";
import { useAction, useEvery, useHeard, useQuery } from "../hooks";
import { text } from "../text";
import { Button, ButtonLink, Icon, Note, Refusal } from "../ui";
import { here, outside, ownPath, ways } from "../ways";
import { Helpful } from "./helpful";
import { dropResume } from "./intent";
import { LoginRefusal } from "./login-refusal";

const NEWS_MS = 60_000;
const ON_THE_WAY = /^\/addons\/[^/]+\/install$|^\/(login|signup|verify-email)$/; // from a press on Install back to it

/** What is around every screen. */
export function Shell({ children }: { children: ComponentChildren }) {
  const [path] = useLocation();
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>("h1")?.focus()}>
        {text.common.skip}
      </button>
      <Header path={path} />
      <Banners />
      {children}
      <Footer path={path} />
    </>
  );
}

function Header({ path }: { path: string }) {
  const known = session.value;
  const [open, setOpen] = useState(false);
  const leaving = useAction(leave);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes it
  useEffect(() => {
    setOpen(false);
    leaving.clear();
    if (!ON_THE_WAY.test(path)) dropResume();
  }, [path]);
  const link = (href: string, label: string) => (
    <Link href={href} class="nav" aria-current={path === href ? "page" : undefined}>
      {label}
    </Link>
  );
  return (
    <header class="masthead">
      <div class="wide row apart">
        <Link href={ways.home} class="brand">
          <img src={ownPath(site.value?.logo_url) ?? "/favicon.svg"} alt="" width={28} height={28} />
          <span>{site.value?.product_name ?? text.home.title}</span>
        </Link>
        <button type="button" class="button quiet menu-button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? "close" : "menu"} />
          {text.shell.menu}
        </button>
        <nav class={open ? "row open" : "row"} aria-label={text.shell.nav}>
          {link(ways.home, text.shell.addons)}
          {known.is === "somebody" && link(ways.accounts, text.shell.accounts)}
          {link(ways.notices, text.shell.notices)}
          {known.is === "somebody" && link(ways.profile, known.user.display_name || text.shell.profile)}
          {known.is === "somebody" && (
            <Button look="quiet" pending={leaving.pending} onPress={() => void leaving.run()}>
              {text.shell.logOut}
            </Button>
          )}
          {known.is === "nobody" && path !== "/login" && (
            <ButtonLink href={ways.login(path === "/signup" ? undefined : here())}>{text.shell.logIn}</ButtonLink>
          )}
        </nav>
      </div>
      {leaving.problem && (
        <div class="wide">
          <Refusal of={leaving.problem} />
        </div>
      )}
    </header>
  );
}

/** What concerns every screen just now. */
function Banners() {
  const online = useOnline();
  const notices = useQuery("notices", () => take(api.GET("/api/notifier/v1/notices")));
  useEvery(NEWS_MS, notices.reload);
  const everywhere = notices.data?.filter((one) => one.scope === "all") ?? [];
  const known = session.value;
  return (
    <div class="wide stack tight banners" aria-live="polite">
      {!online && <Note tone="warn">{text.shell.offline}</Note>}
      {known.is === "unknown" && known.problem && online && (
        <Note tone="warn" icon="tools">
          <p>{text.problems.maintenance.title}</p>
          <Button look="quiet" onPress={() => void recognise().then(arrive)}>
            {text.common.tryNow}
          </Button>
        </Note>
      )}
      {hindered.value && known.is === "nobody" && (
        <LoginRefusal slug={hindered.value} back={here()} tone="warn" icon="user" />
      )}
      {ended.value && known.is === "nobody" && (
        <Note tone="warn" icon="user">
          <p>{text.shell.sessionEnded}</p>
          <ButtonLink href={ways.login(here())} look="primary">
            {text.shell.logIn}
          </ButtonLink>
        </Note>
      )}
      {everywhere.map((one) => (
        <Note key={one.notice_id} tone="warn" icon="tools">
          <p>
            <strong>{text.notices.banner}</strong> {one.text}
          </p>
        </Note>
      ))}
    </div>
  );
}

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useHeard(window, "online offline", () => setOnline(navigator.onLine));
  return online;
}

function Footer({ path }: { path: string }) {
  const mail = site.value?.support_email;
  const support = outside(site.value?.support_url) ?? outside(mail && `mailto:${mail}`);
  return (
    <footer class="colophon">
      <div class="wide row apart top">
        <Helpful key={path} page={path} />
        <div class="row">
          {support ? <a href={support}>{text.shell.support}</a> : <span class="soft">{text.shell.noSupport}</span>}
          <a href="/docs/problems">{text.shell.problemsPage}</a>
        </div>
      </div>
    </footer>
  );
}
