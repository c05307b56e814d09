import { useState } from "preact/hooks";
import { Link, useSearch } from "wouter-preact";
import { api, take } from "../api/client";
import { session } from "../api/session";
import type { Installation, WorkspaceView } from "../api/types";
import { page, useAction, useLive, usePages, useQuery } from "../hooks";
import { text } from "../text";
import { Ago, Badge, Button, ButtonLink, Check, Confirm, Listed, Note, Page, type Tone } from "../ui";
import { Bones, Empty, Failure, Stale } from "../ui/failure";
import { wayBack, ways, withQuery } from "../ways";
import { NeedsLogin } from "./needs-login";
import { Members } from "./workspace-members";
import { Settings } from "./workspace-settings";

const TABS = ["addons", "members", "settings"] as const;

/** One workspace: what is installed in it, who is in it, and what its rules are. */
export function WorkspacePage({ id, tab }: { id: string; tab: string | undefined }) {
  const known = session.value.is;
  const search = useSearch();
  const query = useQuery(known === "somebody" ? `workspace ${id}` : undefined, () =>
    take(api.GET("/api/auth/v1/workspaces/{workspace_id}", { params: { path: { workspace_id: id } } })),
  );
  if (known === "nobody") return <NeedsLogin />;
  const one = query.data;
  const install = wayBack(new URLSearchParams(search));
  const back = { href: withQuery(ways.accounts, { return_to: install }), text: text.workspace.back };
  if (!one) {
    return (
      <Page title={text.accounts.workspaces} back={back}>
        {query.problem ? <Failure of={query.problem} retry={query.reload} /> : <Bones />}
      </Page>
    );
  }
  const tabs = TABS.filter((each) => each !== "members" || one.can?.includes("see-members"));
  const shown = tabs.find((each) => each === tab) ?? "addons";
  const heading = (
    <span class="row">
      <span dir="auto">{one.name}</span>
      {one.role && <Badge>{text.roles[one.role]}</Badge>}
    </span>
  );
  return (
    <Page title={one.name} heading={heading} back={back}>
      <Stale of={query} />
      <nav class="tabs" aria-label={one.name}>
        {tabs.map((each) => (
          <Link
            key={each}
            href={`${ways.workspace(id)}${each === "addons" ? "" : `/${each}`}${search && `?${search}`}`}
            aria-current={each === shown ? "page" : undefined}
          >
            {text.workspace[each]}
          </Link>
        ))}
      </nav>
      {install && (
        <div>
          <ButtonLink href={install} look="primary">
            {text.accounts.wayBack(one.name)}
          </ButtonLink>
        </div>
      )}
      {!one.active && <Note icon="lock">{text.workspace.archived}</Note>}
      {shown === "addons" && <AddOns workspace={one} />}
      {shown === "members" && <Members workspace={one} />}
      {shown === "settings" && <Settings workspace={one} changed={query.put} />}
    </Page>
  );
}

function AddOns({ workspace }: { workspace: WorkspaceView }) {
  const [everything, setEverything] = useState(false);
  const found = usePages(`installations ${workspace.id}`, (cursor) =>
    take(
      api.GET("/api/installer/v1/installations", {
        params: { query: { workspace: workspace.id, ...page(cursor, 100) } },
      }),
    ),
  );
  const names = useNames(workspace);
  const line = useLive(`/api/notifier/v1/stream?workspace=${workspace.id}`, found.reload);
  const shown = found.items?.filter((one) => everything || one.outcome === "pending" || one.state === "INSTALLED");
  return (
    <section class="stack">
      <Stale lost={line === "lost"} />
      <Listed
        of={{ ...found, items: shown }}
        empty={
          <Empty icon="plus" title={text.workspace.noAddons}>
            <p class="soft">{text.workspace.noAddonsDetail}</p>
            <ButtonLink href={ways.home} look="primary">
              {text.workspace.find}
            </ButtonLink>
          </Empty>
        }
      >
        {(items) => (
          <ul class="card rows">
            {items.map((one) => (
              <InstallationRow
                key={one.id}
                one={one}
                by={names.get(one.requested_by) ?? ""}
                may={Boolean(workspace.can?.includes("install"))}
                changed={found.reload}
              />
            ))}
          </ul>
        )}
      </Listed>
      {found.items && found.items.length > 0 && (
        <Check label={text.workspace.everything} checked={everything} onChange={setEverything} />
      )}
    </section>
  );
}

const TONES: Partial<Record<Installation["state"], Tone>> = { INSTALLED: "good", FAILED: "bad", WAITING: "warn" };

/** Who is who, for those who may know. */
function useNames(workspace: WorkspaceView): Map<string, string> {
  const path = { workspace_id: workspace.id };
  const members = useQuery(workspace.can?.includes("see-members") ? `names ${workspace.id}` : undefined, () =>
    take(api.GET("/api/auth/v1/workspaces/{workspace_id}/members", { params: { path, query: { limit: 100 } } })),
  );
  return new Map(members.data?.items.map((one) => [one.user_id ?? "", one.display_name]));
}

interface RowProps {
  one: Installation;
  by: string;
  may: boolean;
  changed: () => void;
}

function InstallationRow({ one, by, may, changed }: RowProps) {
  const [asking, setAsking] = useState(false);
  const uninstalling = useAction(async () => {
    const path = { params: { path: { installation_id: one.id } } };
    await take(api.DELETE("/api/installer/v1/installations/{installation_id}", path));
    changed();
  });
  return (
    <li class="row apart">
      <div class="grow">
        <p class="row">
          <Link href={ways.installation(one.id)} dir="auto">
            {one.addon_name}
          </Link>
          <Badge tone={one.trouble && one.outcome === "pending" ? "warn" : (TONES[one.state] ?? "plain")}>
            {text.states[one.state]}
          </Badge>
        </p>
        <p class="small soft">
          <span dir="auto">{text.workspace.by(by)}</span> <Ago at={one.requested_at} />
        </p>
      </div>
      {may && one.state === "INSTALLED" && (
        <Button look="danger" onPress={() => setAsking(true)} label={text.workspace.uninstallTitle(one.addon_name)}>
          {text.workspace.uninstall}
        </Button>
      )}
      {asking && (
        <Confirm
          title={text.workspace.uninstallTitle(one.addon_name)}
          yes={text.workspace.uninstall}
          danger
          doing={uninstalling}
          onClose={() => setAsking(false)}
        >
          <p>{text.workspace.uninstallDetail}</p>
        </Confirm>
      )}
    </li>
  );
}
