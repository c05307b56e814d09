import { useEffect, useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { session } from "../api/session";
import { useAction, useHeard, useQuery } from "../hooks";
import { text } from "../text";
import { Button, ButtonLink, Empty, Loaded, Moment, Note, Page, Refusal } from "../ui";
import { here, ways } from "../ways";

const PLACE = "souk-invite";

/** What the link opens with: kept in this browser over a log-in or a sign-up, and in no address that a server could see. */
function secret(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    localStorage.setItem(PLACE, given);
    history.replaceState(history.state, "", location.pathname);
  }
  return localStorage.getItem(PLACE) ?? "";
}

/** Behind the link of an invite. */
export function InvitePage() {
  const [token, setToken] = useState(secret);
  useHeard(window, "hashchange", () => setToken(secret()));
  const [, navigate] = useLocation();
  const [declined, setDeclined] = useState(false);
  const invite = useQuery(token ? `invite ${token}` : undefined, () =>
    take(api.POST("/api/auth/v1/invites/show", { body: { token } })),
  );
  useEffect(() => {
    if (invite.problem && !invite.problem.passes) localStorage.removeItem(PLACE);
  }, [invite.problem]);
  const accepting = useAction(async () => {
    const joined = await take(api.POST("/api/auth/v1/invites/accept", { body: { token } }));
    localStorage.removeItem(PLACE);
    navigate(ways.workspace(joined.id));
  });
  const declining = useAction(async () => {
    await take(api.POST("/api/auth/v1/invites/decline", { body: { token } }));
    localStorage.removeItem(PLACE);
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
                {text.invite.until} <Moment at={found.expires_at} />
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
