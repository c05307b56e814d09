import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, take } from "../api/client";
import { Problem } from "../api/problem";
import { reach } from "../api/reach";
import { forget, session } from "../api/session";
import type { ProductAccountRow, WorkspaceView } from "../api/types";
import { page, useAction, useAsked, useEvery, usePages, useQuery } from "../hooks";
import { text } from "../text";
import { Ago, Badge, Button, ButtonLink, Confirm, Icon, Listed, Moment, Note, Page } from "../ui";
import { Empty, Loaded, Refusal } from "../ui/failure";
import { here, wayBack, ways, withQuery } from "../ways";
import { AddWorkspace } from "./add-workspace";
import { NeedsLogin } from "./needs-login";

const NEWS_MS = 4000;

/** S3 and S12: the products that one logs in with, and the workspaces; one step leads back to the install. */
export function ManageAccountsPage() {
  const back = wayBack(useAsked());
  const known = session.value;
  const [made, setMade] = useState<WorkspaceView>();
  const workspaces = usePages(known.is === "somebody" ? `workspaces ${made?.id}` : undefined, (cursor) =>
    take(api.GET("/api/auth/v1/workspaces", { params: { query: page(cursor, 50) } })),
  );
  const wayTo = (workspace: string) => back && withQuery(back, { workspace });
  useEvery(NEWS_MS, workspaces.reload); // what a product makes appears by itself
  if (known.is === "nobody") return <NeedsLogin />;
  return (
    <Page
      title={text.accounts.title}
      lead={text.accounts.lead}
      back={back && !made ? { href: back, text: text.accounts.wayBackPlain } : undefined}
    >
      {made && (
        <Note tone="good" live>
          <p>{text.accounts.created(made.name)}</p>
          {back && (
            <ButtonLink href={wayTo(made.id) ?? back} look="primary">
              {text.accounts.wayBack(made.name)}
            </ButtonLink>
          )}
        </Note>
      )}
      <section class="stack">
        <div class="stack tight">
          <h2>{text.accounts.workspaces}</h2>
          <p class="soft">{text.accounts.workspacesLead}</p>
        </div>
        <Listed of={workspaces} empty={<Empty icon="plus" title={text.accounts.noWorkspaces} />}>
          {(items) => (
            <ul class="card rows">
              {items.map((one) => (
                <WorkspaceRow key={one.id} one={one} back={wayTo(one.id)} told={one.id === made?.id} />
              ))}
            </ul>
          )}
        </Listed>
        <AddWorkspace back={back} onMade={setMade} />
      </section>
      <ProductAccounts />
    </Page>
  );
}

function WorkspaceRow({ one, back, told }: { one: WorkspaceView; back: string | undefined; told: boolean }) {
  const facts = [one.provider_label ?? one.product, one.region, one.plan].filter(Boolean).join(" · ");
  return (
    <li class="row apart">
      <div class="grow">
        <p>
          <Link href={withQuery(ways.workspace(one.id), { return_to: back })} dir="auto">
            {one.name}
          </Link>
        </p>
        <p class="small soft">{facts}</p>
        {back && !told && one.can?.includes("install") && <Link href={back}>{text.accounts.wayBack(one.name)}</Link>}
      </div>
      <div class="row">
        {!one.active && <Badge icon="lock">{text.workspace.inactive}</Badge>}
        {one.requires_two_factor && <Badge icon="shield">{text.workspace.twoFactorShort}</Badge>}
        {one.role && <Badge>{text.roles[one.role]}</Badge>}
      </div>
    </li>
  );
}

function ProductAccounts() {
  const accounts = useQuery("product-accounts", () => take(api.GET("/api/auth/v1/me/product-accounts")));
  const options = useQuery("login-options", () => take(api.GET("/api/auth/v1/login-options")));
  const adding = useAction(async (address: string) => {
    const way = withQuery(address, { return_to: here() });
    // The way there wants a fresh proof, which a page on the way cannot ask for: so it is tried from here first.
    const tried = await reach(way, { redirect: "manual", headers: { Accept: "application/json" } });
    if (tried.type !== "opaqueredirect") throw Problem.of(tried, await tried.json().catch(() => undefined));
    location.assign(way);
  });
  return (
    <section class="stack">
      <div class="stack tight">
        <h2>{text.accounts.products}</h2>
        <p class="soft">{text.accounts.productsLead}</p>
      </div>
      <Loaded query={accounts} bones={{ size: "card-sized" }}>
        {(found) =>
          found.length === 0 ? (
            <Empty icon="link" title={text.accounts.noProducts} />
          ) : (
            <ul class="card rows">
              {found.map((one) => (
                <ProductAccount key={one.id} one={one} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <div class="row">
        {options.data?.providers.map((one) => (
          <Button key={one.id} pending={adding.pending} onPress={() => void adding.run(one.link_url)}>
            <Icon name="plus" size={18} />
            {text.accounts.add(one.label)}
          </Button>
        ))}
      </div>
      <Refusal of={adding.problem ?? options.problem} />
    </section>
  );
}

const which = (one: ProductAccountRow) => [one.label, one.region, one.address].filter(Boolean).join(", ");

function ProductAccount({ one }: { one: ProductAccountRow }) {
  const [asking, setAsking] = useState(false);
  return (
    <li class="row apart">
      <div class="grow">
        <p>
          <strong>{one.label}</strong> {one.region && <Badge icon="globe">{one.region}</Badge>}
        </p>
        <p class="small soft">
          {one.address && <span dir="auto">{one.address} · </span>}
          {text.accounts.linked} <Moment at={one.linked_at} />
          {one.last_used_at && (
            <>
              {" · "}
              {text.accounts.used} <Ago at={one.last_used_at} />
            </>
          )}
        </p>
      </div>
      <Button look="danger" label={text.accounts.remove(which(one))} onPress={() => setAsking(true)}>
        {text.common.remove}
      </Button>
      {asking && <Removal one={one} onClose={() => setAsking(false)} />}
    </li>
  );
}

function Removal({ one, onClose }: { one: ProductAccountRow; onClose: () => void }) {
  const path = { params: { path: { product_account_id: one.id } } };
  const effects = useQuery(`effects ${one.id}`, () =>
    take(api.GET("/api/auth/v1/me/product-accounts/{product_account_id}/effects", path)),
  );
  const removing = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/me/product-accounts/{product_account_id}", path));
    forget(true); // all sessions have ended with it
  });
  const possible = effects.data?.last_way_to_log_in === false;
  return (
    <Confirm
      title={text.accounts.removeTitle(which(one))}
      yes={text.common.remove}
      danger
      doing={removing}
      ready={possible}
      onClose={onClose}
    >
      <Loaded query={effects} bones={{ size: "line", count: 2 }}>
        {(found) =>
          found.last_way_to_log_in ? (
            <Note tone="warn">{text.accounts.lastWay}</Note>
          ) : (
            <>
              <p>{text.accounts.removeDetail}</p>
              {found.workspaces.length > 0 && (
                <>
                  <p>{text.accounts.losesWorkspaces}</p>
                  <ul class="chips">
                    {found.workspaces.map((each) => (
                      <li key={each.id} class="badge" dir="auto">
                        {each.name}
                      </li>
                    ))}
                  </ul>
                </>
              )}
              {found.left_without_admin > 0 && <p>{text.accounts.leavesAlone(found.left_without_admin)}</p>}
            </>
          )
        }
      </Loaded>
    </Confirm>
  );
}
