import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { session } from "../api/session";
import { useAction } from "../hooks/action";
import { useQuery } from "../hooks/query";
import { text } from "../text";
import { Button, ButtonLink } from "../ui/button";
import { Empty, Loaded, Refusal } from "../ui/failure";
import { Note } from "../ui/note";
import { Page } from "../ui/page";
import { Until } from "../ui/time";
import { here, ways } from "../ways";

/** Behind the link of an invite. What it opens with stays in the fragment, which no server sees. */
export function InvitePage() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  const [, navigate] = useLocation();
  const [declined, setDeclined] = useState(false);
  const invite = useQuery(token ? `invite ${token}` : undefined, () =>
    take(api.POST("/api/auth/v1/invites/show", { body: { token } })),
  );
  const accepting = useAction(async () => {
    const joined = await take(api.POST("/api/auth/v1/invites/accept", { body: { token } }));
    navigate(ways.workspace(joined.id));
  });
  const declining = useAction(async () => {
    await take(api.POST("/api/auth/v1/invites/decline", { body: { token } }));
    setDeclined(true);
  });
  return (
    <Page title={text.invite.title}>
      {declined ? (
        <Note live>{text.invite.declined}</Note>
      ) : !token ? (
        <Empty icon="mail" title={text.invite.missing} />
      ) : (
        <Loaded query={invite} bones={{ size: "card-sized" }}>
          {(found) => (
            <section class="card stack">
              <p dir="auto">{text.invite.what(found.inviter, found.workspace, text.roles[found.role])}</p>
              <p class="small soft">
                {text.invite.until} <Until at={found.expires_at} due={text.common.now} />
              </p>
              <div class="row">
                {session.value.is === "somebody" ? (
                  <Button look="primary" pending={accepting.pending} onPress={() => void accepting.run()}>
                    {text.invite.accept}
                  </Button>
                ) : (
                  <ButtonLink look="primary" href={ways.login(here())}>
                    {text.invite.logIn}
                  </ButtonLink>
                )}
                <Button pending={declining.pending} onPress={() => void declining.run()}>
                  {text.invite.decline}
                </Button>
              </div>
              <Refusal of={accepting.problem ?? declining.problem} />
            </section>
          )}
        </Loaded>
      )}
    </Page>
  );
}
