import { useEffect, useState } from "preact/hooks";
import { api, take } from "../api/client";
import { session } from "../api/session";
import type { Installation, InstallationDetail } from "../api/types";
import { type Query, useAction, useLive, useQuery } from "../hooks";
import { text } from "../text";
import { Bones, Button, ButtonLink, Confirm, Failure, Note, Page, Refusal, Stale } from "../ui";
import { ways } from "../ways";
import { NeedsLogin } from "./needs-login";
import { Situation, Steps } from "./progress";
import { Timeline } from "./timeline";

/** One installation, live: its progress, the maintenance screen, and each of its ends. */
export function InstallationPage({ id }: { id: string }) {
  const known = session.value.is;
  const path = { params: { path: { installation_id: id } } };
  const query = useQuery(known === "somebody" ? `installation ${id}` : undefined, () =>
    take(api.GET("/api/installer/v1/installations/{installation_id}", path)),
  );
  const moves =
    query.data &&
    (query.data.outcome === "pending" || query.data.cleanup === "owed" || query.data.state === "INSTALLED");
  const line = useLive(moves ? `/api/notifier/v1/installations/${id}/stream` : undefined, query.reload);
  // What the request was answered with stands here until the first look at it is back.
  const [first] = useState(() => history.state as Installation | null);
  const made = first?.id === id && !(query.problem && !query.problem.passes) ? first : undefined;
  const one: InstallationDetail | undefined = query.data ?? (made && { ...made, timeline: [] });
  useEffect(() => {
    if (query.data && history.state) history.replaceState(null, ""); // a reload begins with what is then
  }, [query.data]);
  if (known === "nobody") return <NeedsLogin />;
  if (!one) {
    return (
      <Page title={text.workspace.addons} back={{ href: ways.accounts, text: text.shell.accounts }}>
        {query.problem ? <Failure of={query.problem} retry={query.reload} /> : <Bones />}
      </Page>
    );
  }
  return <Known one={one} query={query} lost={Boolean(line === "lost" && moves)} />;
}

interface KnownProps {
  one: InstallationDetail;
  query: Query<InstallationDetail>;
  lost: boolean;
}

function Known({ one, query, lost }: KnownProps) {
  const path = { params: { path: { workspace_id: one.workspace_id } } };
  const workspace = useQuery(`workspace ${one.workspace_id}`, () =>
    take(api.GET("/api/auth/v1/workspaces/{workspace_id}", path)),
  );
  const may = Boolean(workspace.problem ?? workspace.data?.can?.includes("install"));
  const where = workspace.data && text.inWorkspace(workspace.data.name);
  const back = { href: ways.workspace(one.workspace_id), text: text.success.workspace };
  return (
    <Page key={screenOf(one)} title={titleOf(one)} lead={where} back={back}>
      <Stale of={query} lost={lost} />
      <Screen one={one} changed={query.reload} may={may} />
      <Timeline entries={one.timeline} />
    </Page>
  );
}

type ScreenName = "progress" | "maintenance" | "success" | "failed" | "uninstalled";

function screenOf(one: Installation): ScreenName {
  if (one.state === "INSTALLED") return "success";
  if (one.state === "UNINSTALLED") return "uninstalled";
  if (one.screen === "maintenance") return "maintenance";
  return one.outcome === "failed" ? "failed" : "progress";
}

function titleOf(one: Installation): string {
  const titles: Record<ScreenName, string> = {
    progress: text.progress.installing(one.addon_name),
    maintenance: text.maintenance.title,
    success: text.success.title(one.addon_name),
    failed: text.failed.title(one.addon_name),
    uninstalled: text.uninstalled.title(one.addon_name),
  };
  return titles[screenOf(one)];
}

interface ScreenProps {
  one: InstallationDetail;
  changed: () => void;
  /** Whether the visitor gives orders here, as far as is known. */
  may: boolean;
}

function Screen(props: ScreenProps) {
  const { one } = props;
  switch (screenOf(one)) {
    case "success":
      return <Success one={one} />;
    case "uninstalled":
      return (
        <>
          <Note>{text.uninstalled.lead}</Note>
          <CleanUp one={one} words={text.uninstalled.cleanup} />
          <Again one={one} words={text.uninstalled.again} />
        </>
      );
    case "failed":
      return <Failed one={one} />;
    case "maintenance":
      return <Maintenance {...props} />;
    default:
      return (
        <>
          <p class="soft">{text.progress.lead}</p>
          <Steps one={one} />
          <Situation one={one} />
          <Orders {...props} />
        </>
      );
  }
}

function Success({ one }: { one: Installation }) {
  return (
    <section class="stack success">
      <Note tone="good" live>
        <p>{text.success.lead}</p>
      </Note>
      <div class="row">
        <ButtonLink href={ways.workspace(one.workspace_id)} look="primary">
          {text.success.workspace}
        </ButtonLink>
        <ButtonLink href={ways.home}>{text.success.another}</ButtonLink>
      </div>
    </section>
  );
}

/** S17. Whether it goes on by itself or is over, nobody who sees it has done anything wrong. */
function Maintenance(props: ScreenProps) {
  const { one } = props;
  const pending = one.outcome === "pending";
  return (
    <>
      <Note tone="warn" icon="tools" live>
        <p>
          <strong>{text.maintenance.lead(one.addon_name)}</strong>
        </p>
        {pending ? <p>{text.maintenance.goesOn}</p> : <p>{one.reason && text.reasons[one.reason]}</p>}
      </Note>
      <Notices key={one.waiting_for} addonKey={one.addon_key} />
      {pending && <Steps one={one} />}
      <Situation one={one} />
      {pending ? <Orders {...props} /> : <Again one={one} words={text.failed.again} />}
      <CleanUp one={one} words={text.failed.cleanup} />
    </>
  );
}

function Notices({ addonKey }: { addonKey: string }) {
  const query = useQuery(`notices ${addonKey}`, () =>
    take(api.GET("/api/notifier/v1/notices", { params: { query: { addon: addonKey } } })),
  );
  const told = query.data?.filter((one) => one.text) ?? [];
  if (told.length === 0) return null;
  return (
    <section class="card stack tight">
      <h2>{text.maintenance.notice}</h2>
      {told.map((one) => (
        <p key={one.notice_id} dir="auto">
          {one.text}
        </p>
      ))}
    </section>
  );
}

function Failed({ one }: { one: Installation }) {
  return (
    <>
      <Note tone={one.reason === "cancelled" ? "plain" : "bad"} live>
        <p>{one.reason && text.reasons[one.reason]}</p>
        {one.detail && (
          <>
            <p class="small">{text.failed.refused}</p>
            <blockquote dir="auto">{one.detail}</blockquote>
          </>
        )}
      </Note>
      <Again one={one} words={text.failed.again} />
      <CleanUp one={one} words={text.failed.cleanup} />
    </>
  );
}

function Again({ one, words }: { one: Installation; words: string }) {
  return (
    <div class="row">
      <ButtonLink href={ways.install(one.addon_key, one.workspace_id)} look="primary">
        {words}
      </ButtonLink>
      <ButtonLink href={ways.home}>{text.success.another}</ButtonLink>
    </div>
  );
}

function CleanUp({ one, words }: { one: Installation; words: string }) {
  if (one.cleanup_given_up) return <Note tone="warn">{text.failed.gaveUp}</Note>;
  return one.cleanup === "owed" ? <p class="soft">{words}</p> : null;
}

/** What its admins can do while it is under way. */
function Orders({ one, changed, may }: ScreenProps) {
  const [asking, setAsking] = useState(false);
  const path = { params: { path: { installation_id: one.id } } };
  const cancelling = useAction(async () => {
    await take(api.POST("/api/installer/v1/installations/{installation_id}/cancel", path));
    changed();
  });
  const retrying = useAction(async () => {
    await take(api.POST("/api/installer/v1/installations/{installation_id}/retry", path));
    changed();
  });
  if (!may) return null;
  return (
    <>
      <div class="row">
        {one.trouble && (
          <Button look="primary" pending={retrying.pending} onPress={() => void retrying.run()}>
            {text.progress.retry}
          </Button>
        )}
        <Button onPress={() => setAsking(true)}>{text.progress.cancel}</Button>
      </div>
      <Refusal of={retrying.problem} />
      {asking && (
        <Confirm
          title={text.progress.cancelTitle}
          yes={text.progress.cancel}
          no={text.progress.keep}
          danger
          doing={cancelling}
          onClose={() => setAsking(false)}
        >
          <p>{text.progress.cancelDetail}</p>
        </Confirm>
      )}
    </>
  );
}
