import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { forget } from "../api/session";
import type { AccountDeletion, SecurityKind, SecurityRow } from "../api/types";
import { page, useAction, usePages, useQuery } from "../hooks";
import { text } from "../text";
import { Button, Card, Confirm, Empty, Field, Listed, Loaded, Moment, Note, Refusal } from "../ui";
import { ways } from "../ways";

/** What has happened to the account. */
export function SecurityLog() {
  const found = usePages("security-log", (cursor) =>
    take(api.GET("/api/auth/v1/me/security-log", { params: { query: page(cursor, 20) } })),
  );
  return (
    <Card title={text.profile.log} lead={text.profile.logLead} id="security-log">
      <Listed of={found} bones={{ size: "line" }} empty={<Empty icon="shield" title={text.profile.noLog} />}>
        {(items) => (
          <ul class="rows">
            {items.map((one) => (
              <LogRow key={one.id} one={one} />
            ))}
          </ul>
        )}
      </Listed>
    </Card>
  );
}

function LogRow({ one }: { one: SecurityRow }) {
  return (
    <li>
      <p>
        {text.events[one.kind as SecurityKind] ?? one.kind}
        {one.details.workspace && <span dir="auto"> · {one.details.workspace}</span>}
        {one.count > 1 && <span class="soft"> · {text.profile.times(one.count)}</span>}
      </p>
      <p class="small soft agent">
        <Moment at={one.last_at} /> {[one.network, one.user_agent].map((each) => each && `· ${each}`).join(" ")}
      </p>
    </li>
  );
}

/** The way out: with everything that is kept, and for good. */
export function DataSection({ email }: { email: string }) {
  const [asking, setAsking] = useState(false);
  const exporting = useAction(async () => {
    const all = await take(api.GET("/api/auth/v1/me/export"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }));
    link.download = "account.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return (
    <Card title={text.profile.data} id="data">
      <Refusal of={exporting.problem} />
      <div class="row">
        <Button pending={exporting.pending} onPress={() => void exporting.run()}>
          {text.profile.export}
        </Button>
        <Button look="danger" onPress={() => setAsking(true)}>
          {text.profile.delete}
        </Button>
      </div>
      {asking && <Deletion email={email} onClose={() => setAsking(false)} />}
    </Card>
  );
}

function Deletion({ email, onClose }: { email: string; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [, navigate] = useLocation();
  const effects = useQuery("account-deletion", () => take(api.GET("/api/auth/v1/me/deletion")));
  const deleting = useAction(async () => {
    await take(api.POST("/api/auth/v1/me/deletion", { body: { confirm: typed } }));
    forget(false);
    navigate(ways.home);
  });
  return (
    <Confirm
      title={text.profile.deleteTitle}
      yes={text.profile.delete}
      danger
      doing={deleting}
      ready={effects.data?.possible === true && typed !== ""}
      onClose={onClose}
    >
      <Loaded query={effects} bones={{ size: "line", count: 3 }}>
        {(found) => (
          <>
            <Effects found={found} />
            {found.possible && (
              <Field label={text.profile.deleteConfirm(email)} value={typed} onInput={setTyped} required />
            )}
          </>
        )}
      </Loaded>
    </Confirm>
  );
}

function Effects({ found }: { found: AccountDeletion }) {
  const line = (words: string, held: AccountDeletion["blocked_by"]) =>
    held.total > 0 && (
      <p>
        {words}{" "}
        <strong dir="auto">
          {text.profile.andMore(
            held.first.map((one) => one.name),
            held.total,
          )}
        </strong>
      </p>
    );
  return (
    <>
      {found.possible ? (
        <p>{text.profile.deleteDetail}</p>
      ) : (
        <Note tone="warn">{line(text.profile.deleteBlocked, found.blocked_by)}</Note>
      )}
      {line(text.profile.deleteGone, found.deleted_workspaces)}
      {line(text.profile.deleteLeft, found.left_workspaces)}
      {line(text.profile.deleteLeftProducts, found.product_workspaces)}
      {line(text.profile.deleteAlone, found.left_without_admin)}
      {found.publisher && <p>{text.profile.deletePublisher}</p>}
    </>
  );
}
