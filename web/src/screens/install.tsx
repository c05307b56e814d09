import { useEffect, useMemo, useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { Problem } from "../api/problem";
import { ended, session } from "../api/session";
import type { AddOnDetail, Installation, Next, Preflight, Row } from "../api/types";
import { type Doing, type Query, useAction, useAsked, useHeard, useQuery } from "../hooks";
import { text, told } from "../text";
import { Button, ButtonLink, Check, Empty, Failure, Loaded, Note, Page, Refusal } from "../ui";
import { here, ways } from "../ways";
import { forgetIntent, intentFor, keepIntent, resumeAfterLogin } from "./intent";
import { NextStep, NextSteps } from "./next-steps";
import { Permissions } from "./permissions";
import { WorkspacePicker } from "./workspace-picker";

const AGAIN_S = 3;

/** The *Install* screen: what preflight says, and the request that follows it. Decides nothing itself. */
export function InstallPage({ addonKey }: { addonKey: string }) {
  const known = session.value;
  const asked = useAsked().get("workspace");
  const who = known.is === "somebody" ? known.user.id : undefined;
  const preflight = useQuery(known.is === "unknown" ? undefined : `preflight ${addonKey} ${asked} ${who}`, () =>
    take(api.GET("/api/installer/v1/preflight", { params: { query: { addon: addonKey, workspace: asked } } })),
  );
  const addon = useQuery(`addon ${addonKey}`, () =>
    take(api.GET("/api/catalog/v1/addons/{key}", { params: { path: { key: addonKey } } })),
  );
  const name = addon.data?.name ?? preflight.data?.addon_name;
  // What was unlocked in another window is unlocked here too.
  useHeard(document, "visibilitychange", () => document.visibilityState === "visible" && preflight.reload());
  const refused = preflight.problem;
  return (
    <Page
      title={name ? text.install.title(name) : text.install.plain}
      lead={preflight.data && preflight.data.workspaces.length > 0 && text.install.lead}
      back={{ href: ways.addon(addonKey), text: name ?? text.common.back }}
    >
      {refused && !preflight.data && refused.next && !refused.passes ? (
        <LoginFirst problem={refused} name={name ?? addonKey} />
      ) : refused && !preflight.data ? (
        <Failure of={refused} retry={preflight.reload} />
      ) : (
        <Loaded query={preflight}>
          {(found) => (
            <Choosing key={who ?? ""} found={found} addon={addon} addonKey={addonKey} again={preflight.reload} />
          )}
        </Loaded>
      )}
    </Page>
  );
}

/** S8 and S10: a visitor without an account is told of the one that they need, and comes back here. */
function LoginFirst({ problem, name }: { problem: Problem; name: string }) {
  const alternatives = problem.document.alternatives ?? [];
  const all = [problem.next, ...alternatives].filter((one): one is Next => Boolean(one));
  const steps = all.filter((one) => !ended.value || one.action === "log-in"); // who had a session has an account
  return (
    <Empty icon="user" title={text.install.loginFirst}>
      <p class="soft">{text.install.loginFirstDetail(name)}</p>
      <div class="row center-row">
        {steps.map((one, at) => (
          <NextStep key={one.action} next={one} primary={at === 0} />
        ))}
      </div>
    </Empty>
  );
}

interface ChoosingProps {
  found: Preflight;
  addon: Query<AddOnDetail>;
  addonKey: string;
  again: () => void;
}

/** Ask for the install, once for each wish. Throws a `Problem`. */
async function request(row: Row, addonKey: string, acknowledged: boolean): Promise<Installation> {
  const kept = keepIntent({ addon_key: addonKey, workspace_id: row.workspace_id, acknowledged });
  const acknowledge = acknowledged ? row.acknowledge : [];
  const body = { workspace_id: row.workspace_id, addon_key: addonKey, acknowledge, if_unavailable: "wait" as const };
  const params = { header: { "Idempotency-Key": kept.key } };
  try {
    const made = await take(api.POST("/api/installer/v1/installations", { params, body }));
    forgetIntent();
    return made;
  } catch (thrown) {
    // Without an answer it may have been taken, and the same key tells next time. A refusal is final for its key.
    if (thrown instanceof Problem && thrown.status === 401) resumeAfterLogin(kept);
    else if (thrown instanceof Problem && !thrown.passes) forgetIntent();
    throw thrown;
  }
}

function Choosing({ found, addon, addonKey, again }: ChoosingProps) {
  const [, navigate] = useLocation();
  const late = useComing(found, again);
  const kept = useMemo(() => intentFor(addonKey), [addonKey]);
  const intent = kept?.resume === here() ? kept : undefined;
  const [workspace, setWorkspace] = useState<string | undefined>(() => preselected(found, intent?.workspace_id));
  const [acknowledged, setAcknowledged] = useState(intent?.acknowledged ?? false);
  const row = found.workspaces.find((one) => one.workspace_id === workspace && one.selectable);
  const mustRead = (row?.acknowledge.length ?? 0) > 0;
  const ready = Boolean(row && addon.data && (!mustRead || acknowledged));
  const installing = useAction(async () => {
    if (!row) return;
    const made = await request(row, addonKey, acknowledged);
    // Whoever has left meanwhile stays where they are.
    if (location.pathname === ways.install(addonKey)) navigate(ways.installation(made.id), { state: made });
  });
  useResumed(intent !== undefined && row !== undefined, installing.run);
  useAfterwards(installing, ready, again);
  const [locked, setLocked] = useState<string>(); // pressed, though it cannot be chosen: the one that is chosen stays
  const choose = (chosen: Row) => {
    setLocked(chosen.selectable ? undefined : chosen.workspace_id);
    if (!chosen.selectable) return;
    setWorkspace(chosen.workspace_id);
    setAcknowledged(false);
    installing.clear();
  };
  if (found.workspaces.length === 0 && !late) return <Nowhere found={found} />;
  return (
    <form
      class="stack loose"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void installing.run();
      }}
    >
      {intent && <Note tone="good">{text.install.resumed}</Note>}
      {late && (
        <Note icon="clock" live>
          {text.install.coming}
        </Note>
      )}
      <WorkspacePicker rows={found.workspaces} chosen={row} onChoose={choose} />
      {!late && <WhyNot found={found} workspace={locked ?? workspace} />}
      {row?.will_wait && (
        <Note tone="warn" icon="clock">
          {text.install.willWait}
        </Note>
      )}
      {row && mustRead && (
        <Note tone="warn" icon="globe">
          <p>{text.install.region(row.region)}</p>
          <Check label={text.install.acknowledge} checked={acknowledged} onChange={setAcknowledged} required />
        </Note>
      )}
      <Loaded query={addon} bones={{ size: "line", count: 3 }}>
        {({ scopes }) =>
          scopes.length > 0 && (
            <section class="stack tight">
              <h2>{text.install.permissions}</h2>
              <Permissions scopes={scopes} />
            </section>
          )
        }
      </Loaded>
      <NotYet of={installing.problem} name={found.addon_name} />
      {installing.problem?.next && <NextStep next={installing.problem.next} />}
      <div class="row">
        <Button type="submit" look="primary" big pending={installing.pending} disabled={!ready}>
          {text.install.install}
        </Button>
        <NextSteps of={found.alternatives} only={["add-workspace"]} />
      </div>
    </form>
  );
}

/** Why pressing *Install* has not led further: refused, or kept until it passes. */
function NotYet({ of: problem, name }: { of: Problem | undefined; name: string }) {
  if (!problem?.passes) return <Refusal of={problem} />;
  return (
    <Note tone="warn" icon="tools" live>
      <p>
        <strong>{problem.status >= 500 ? text.maintenance.lead(name) : told(problem).title}</strong>
      </p>
      <p>{text.common.triesAgain}</p>
    </Note>
  );
}

/** What was just made is known everywhere a moment later: asked again until it is. Whether something is on its way. */
function useComing(found: Preflight, again: () => void): boolean {
  const next = [found.chosen?.next, found.next].find((one) => one?.action === "try-again");
  const unproved = !found.verified; // a proof that was just given is on its way, too
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each look that found the same, too
  useEffect(() => {
    if (!next && !unproved) return;
    const look = () => document.visibilityState === "visible" && again();
    const timer = setTimeout(look, (next?.after_seconds ?? 2) * 1000);
    return () => clearTimeout(timer);
  }, [next, unproved, found, again]);
  return next !== undefined;
}

/** The workspace that the visitor came with, if it can take it; else the only one that can. */
function preselected(found: Preflight, intended: string | undefined): string | undefined {
  if (intended) return intended;
  if (found.chosen) return found.chosen.workspace_id;
  const fitting = found.workspaces.filter((one) => one.selectable);
  return fitting.length === 1 ? fitting[0]?.workspace_id : undefined;
}

/** Whoever pressed *Install* and had to log in first has pressed it already. */
function useResumed(resume: boolean, run: () => Promise<boolean>) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, as the page opens
  useEffect(() => {
    if (resume) void run();
  }, []);
}

/** S17 before there is an installation: what may pass is tried again by itself, with the same key. */
function useAfterwards({ problem, run }: Doing<[]>, ready: boolean, again: () => void) {
  useEffect(() => {
    if (problem && !problem.passes) again(); // what is known of the workspaces was not so
    if (!ready || !problem?.passes) return;
    const timer = setTimeout(() => void run(), (problem.retryAfter ?? AGAIN_S) * 1000);
    return () => clearTimeout(timer);
  }, [problem, run, ready, again]);
}

/** S14 to S16 for the workspace that was asked for, and for the case that none can be chosen. */
function WhyNot({ found, workspace }: { found: Preflight; workspace: string | undefined }) {
  const row = found.workspaces.find((one) => one.workspace_id === workspace);
  const nearest = found.workspaces.find((one) => one.next?.action === found.next.action) ?? found.workspaces[0];
  const blocked = row ?? (found.workspaces.some((one) => one.selectable) ? undefined : nearest);
  if (workspace && !row) return <Note tone="warn">{text.install.notYours}</Note>;
  if (!blocked || blocked.selectable) return null;
  return (
    <Note tone="warn" icon="lock">
      <p>
        <strong>{row ? text.install.locked(row.name) : text.install.noneFits}</strong>
      </p>
      {blocked.blockers.map((one) => (
        <p key={one}>{text.blockers[one]}</p>
      ))}
      <NextSteps of={[blocked.next, ...(row ? [] : found.alternatives)]} />
    </Note>
  );
}

/** S9: nowhere an admin. */
function Nowhere({ found }: { found: Preflight }) {
  const member = found.member_of.length > 0;
  const { title, detail } = !found.verified
    ? text.problems["email-not-verified"]
    : member
      ? { title: text.install.nobody, detail: text.install.nobodyDetail }
      : { title: text.install.noWorkspace, detail: text.install.noWorkspaceDetail };
  return (
    <Empty icon="user" title={title}>
      <p class="soft">{detail}</p>
      <div class="row center-row">
        <NextSteps of={[found.next, ...found.alternatives]} />
      </div>
      {member && (
        <>
          <p>{text.install.askAdmin}</p>
          <ul class="chips">
            {found.member_of.map((one) => (
              <li key={one.workspace_id} class="badge" dir="auto">
                {one.name}
              </li>
            ))}
          </ul>
        </>
      )}
      <ButtonLink href={ways.home} look="quiet">
        {text.actions["choose-another-addon"]}
      </ButtonLink>
    </Empty>
  );
}
