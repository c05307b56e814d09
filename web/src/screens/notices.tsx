import { Link } from "wouter-preact";
import { api, take } from "../api/client";
import type { Notice } from "../api/types";
import { useEvery, useQuery } from "../hooks";
import { text } from "../text";
import { Ago, Badge, Empty, Loaded, Page } from "../ui";
import { ways } from "../ways";

const NEWS_MS = 10_000;

/** What does not work at present. */
export function NoticesPage() {
  const query = useQuery("notices page", () => take(api.GET("/api/notifier/v1/notices")));
  useEvery(NEWS_MS, query.reload);
  return (
    <Page title={text.notices.title} lead={text.notices.lead}>
      <Loaded query={query} bones={{ size: "card-sized", count: 2 }}>
        {(found) =>
          found.length === 0 ? (
            <Empty icon="check" title={text.notices.none}>
              <p class="soft">{text.notices.noneDetail}</p>
            </Empty>
          ) : (
            <ul class="stack">
              {found.map((one) => (
                <Row key={one.notice_id} one={one} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}

function Row({ one }: { one: Notice }) {
  const addonKey = one.scope.startsWith("addon:") ? one.scope.slice("addon:".length) : undefined;
  return (
    <li class="card stack tight">
      <div class="row apart">
        <h2 dir="auto">
          {addonKey ? <Link href={ways.addon(addonKey)}>{one.addon_name ?? addonKey}</Link> : text.notices.all}
        </h2>
        <Badge tone="warn" icon="tools">
          {text.notices[one.cause]}
        </Badge>
      </div>
      {one.text && <p dir="auto">{one.text}</p>}
      <p class="small soft">
        {text.notices.since} <Ago at={one.raised_at} />
      </p>
    </li>
  );
}
