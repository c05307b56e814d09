import { api, take } from "../api/client";
import { forget } from "../api/session";
import type { SessionRow } from "../api/types";
import { useAction, useQuery } from "../hooks";
import { text } from "../text";
import { Ago, Badge, Button, Card, Loaded, Refusal } from "../ui";

/** Where the account is logged in, and how to end it. */
export function SessionsSection() {
  const query = useQuery("sessions", () => take(api.GET("/api/auth/v1/sessions")));
  const others = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/sessions", { params: { query: { except: "current" } } }));
    query.reload();
  });
  const all = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/sessions"));
    forget(false);
  });
  return (
    <Card title={text.profile.sessions} lead={text.profile.sessionsLead} id="sessions">
      <Loaded query={query} bones={{ size: "line", count: 3 }}>
        {(found) => (
          <ul class="rows">
            {found.map((one) => (
              <Row key={one.id} one={one} changed={query.reload} />
            ))}
          </ul>
        )}
      </Loaded>
      <p class="small soft">{text.profile.endAllDetail}</p>
      <Refusal of={others.problem ?? all.problem} />
      <div class="row">
        <Button pending={others.pending} onPress={() => void others.run()}>
          {text.profile.endOthers}
        </Button>
        <Button look="danger" pending={all.pending} onPress={() => void all.run()}>
          {text.profile.endAll}
        </Button>
      </div>
    </Card>
  );
}

function Row({ one, changed }: { one: SessionRow; changed: () => void }) {
  const ending = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/sessions/{session_id}", { params: { path: { session_id: one.id } } }));
    changed();
  });
  return (
    <li class="row apart">
      <div class="grow">
        <p class="row">
          {one.client === "browser" ? text.profile.browser : text.profile.program}
          {one.current && <Badge tone="good">{text.profile.current}</Badge>}
        </p>
        <p class="small soft agent">{one.user_agent}</p>
        <p class="small soft">
          {one.network} · {text.profile.lastUsed} <Ago at={one.last_used_at} />
        </p>
      </div>
      {!one.current && (
        <Button look="quiet" pending={ending.pending} onPress={() => void ending.run()}>
          {text.profile.end}
        </Button>
      )}
      <Refusal of={ending.problem} />
    </li>
  );
}
