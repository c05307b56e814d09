import { api, take } from "../api/client";
import { session } from "../api/session";
import type { AddOnDetail } from "../api/types";
import { useQuery } from "../hooks";
import { text } from "../text";
import { list } from "../text/format";
import { AddOnIcon, Badge, Bones, ButtonLink, Fact, Failure, Moment, Note, Page, Stale, Until } from "../ui";
import { outside, ways } from "../ways";
import { Permissions } from "./permissions";

/** What an add-on does, who publishes it, what it may do, and whether it answers. */
export function AddOnPage({ addonKey }: { addonKey: string }) {
  const query = useQuery(`addon ${addonKey}`, () =>
    take(api.GET("/api/catalog/v1/addons/{key}", { params: { path: { key: addonKey } } })),
  );
  const addon = query.data;
  const back = { href: ways.home, text: text.addon.back };
  if (!addon) {
    return (
      <Page title={text.home.title} back={back}>
        {query.problem ? <Failure of={query.problem} retry={query.reload} /> : <Bones />}
      </Page>
    );
  }
  return (
    <Page title={addon.name} heading={<Heading addon={addon} />} back={back} wide>
      <Stale of={query} />
      <div class="aside-layout">
        <div class="stack loose">
          <section class="stack tight">
            <h2>{text.addon.about}</h2>
            <p class="prose" dir="auto">
              {addon.long_text || addon.short_text || String(addon.manifest.description ?? "") || text.addon.noText}
            </p>
          </section>
          <section class="stack tight">
            <h2>{text.addon.permissions}</h2>
            {addon.scopes.length > 0 && <p class="soft">{text.addon.permissionsLead}</p>}
            <Permissions scopes={addon.scopes} />
          </section>
        </div>
        <aside class="stack">
          {addon.withdrawn ? (
            <Note tone="warn">{text.addon.withdrawn}</Note>
          ) : (
            <ButtonLink href={ways.install(addon.key)} look="primary" big block>
              {text.addon.install}
            </ButtonLink>
          )}
          <Health addon={addon} />
          <Facts addon={addon} />
        </aside>
      </div>
    </Page>
  );
}

function Heading({ addon }: { addon: AddOnDetail }) {
  return (
    <span class="row">
      <AddOnIcon addon={addon} size={64} />
      <span class="grow stack tight">
        <span dir="auto">{addon.name}</span>
        <span class="row small soft plain-weight">
          {addon.publisher_name && <span dir="auto">{text.addon.by(addon.publisher_name)}</span>}
          <span>{text.addon.runsAt(host(addon))}</span>
          {addon.visibility !== "public" && (
            <Badge icon="lock">{addon.visibility === "private" ? text.addon.private : text.addon.unlisted}</Badge>
          )}
        </span>
      </span>
    </span>
  );
}

/** Whose server gets what the add-on may see. */
function host(addon: AddOnDetail): string {
  const given = String(addon.manifest.baseUrl ?? "");
  return URL.canParse(given) ? new URL(given).host : given;
}

const STATUS = { ok: "available", unavailable: "down", recovering: "down" } as const;

/** As the listing tells everybody; whoever is logged in learns of maintenance too, and when it is tried again. */
function Health({ addon }: { addon: AddOnDetail }) {
  const query = useQuery(session.value.is === "somebody" ? `health ${addon.key}` : undefined, () =>
    take(api.GET("/api/installer/v1/addons/{addon_key}/health", { params: { path: { addon_key: addon.key } } })),
  );
  const status = query.data?.status ?? STATUS[addon.health.status];
  const well = status === "available";
  return (
    <section class="card stack tight">
      <h2>{text.addon.health}</h2>
      <p>
        <Badge tone={well ? "good" : "warn"} icon={well ? "check" : "tools"}>
          {text.addon.statuses[status]}
        </Badge>
      </p>
      <p>{text.addon[status]}</p>
      {query.data?.retry_at && (
        <p class="small soft">
          {text.addon.retryAt} <Until at={query.data.retry_at} due={text.common.now} />
        </p>
      )}
    </section>
  );
}

function Facts({ addon }: { addon: AddOnDetail }) {
  const support = outside(addon.support_url);
  const privacy = outside(addon.privacy_url);
  return (
    <section class="card stack tight">
      <h2>{text.addon.facts}</h2>
      <dl class="facts">
        {addon.category && <Fact name={text.addon.category}>{addon.category}</Fact>}
        <Fact name={text.addon.plan}>{addon.minimal_plan}</Fact>
        <Fact name={text.addon.products}>
          {addon.products.length > 0 ? list(addon.products) : text.addon.allProducts}
        </Fact>
        <Fact name={text.addon.installs}>{text.home.installs(addon.installs)}</Fact>
        <Fact name={text.addon.changed}>
          <Moment at={addon.changed_at} />
        </Fact>
      </dl>
      {support && (
        <a href={support} rel="noopener noreferrer">
          {text.addon.support}
        </a>
      )}
      {privacy && (
        <a href={privacy} rel="noopener noreferrer">
          {text.addon.privacy}
        </a>
      )}
    </section>
  );
}
