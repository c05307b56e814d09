import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import { session } from "../api/session";
import type { InviteRow, MemberRow, Role, WorkspaceView } from "../api/types";
import { page, useAction, usePages, useQuery } from "../hooks";
import { text } from "../text";
import { Badge, Button, Card, Choice, Confirm, EmailField, Form, Listed, Moment, Refusal } from "../ui";

/** Who is in a workspace, with which role, and who is invited. */
export function Members({ workspace }: { workspace: WorkspaceView }) {
  const path = { workspace_id: workspace.id };
  const found = usePages(`members ${workspace.id}`, (cursor) =>
    take(
      api.GET("/api/auth/v1/workspaces/{workspace_id}/members", {
        params: { path, query: page(cursor, 100) },
      }),
    ),
  );
  return (
    <div class="stack loose">
      <Listed of={found} bones={{ count: 1 }} empty={null}>
        {(items) => (
          <ul class="card rows">
            {items.map((one) => (
              <Member key={one.user_id ?? one.subject} one={one} workspace={workspace} changed={found.reload} />
            ))}
          </ul>
        )}
      </Listed>
      {workspace.can?.includes("invite") && <Invites workspace={workspace} />}
    </div>
  );
}

interface MemberProps {
  one: MemberRow;
  workspace: WorkspaceView;
  changed: () => void;
}

function Member({ one, workspace, changed }: MemberProps) {
  const [asking, setAsking] = useState<"remove" | "transfer" | undefined>();
  const params = { path: { workspace_id: workspace.id, user_id: one.user_id ?? "" } };
  const me = session.value.is === "somebody" && session.value.user.id === one.user_id;
  const can = (what: NonNullable<WorkspaceView["can"]>[number]) =>
    Boolean(workspace.can?.includes(what)) && Boolean(one.user_id);
  const changing = useAction(async (role: Role) => {
    await take(api.PUT("/api/auth/v1/workspaces/{workspace_id}/members/{user_id}", { params, body: { role } }));
    changed();
  });
  const removing = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/workspaces/{workspace_id}/members/{user_id}", { params }));
    changed();
  });
  const giving = useAction(async () => {
    await take(
      api.POST("/api/auth/v1/workspaces/{workspace_id}/transfer", {
        params: { path: { workspace_id: workspace.id } },
        body: { user_id: one.user_id ?? "" },
      }),
    );
    location.reload(); // what one may do here has changed
  });
  const roles: Role[] = can("make-owners") || one.role === "owner" ? ["owner", "admin", "member"] : ["admin", "member"];
  const name = one.display_name || one.subject || text.workspace.nameless;
  return (
    <li class="stack tight">
      <div class="row apart">
        <p class="grow">
          <span dir="auto">{name}</span> {me && <Badge>{text.workspace.you}</Badge>}
          {!one.user_id && <span class="small soft"> {text.workspace.notHere}</span>}
        </p>
        {can("change-roles") ? (
          <select
            class="input small-input"
            aria-label={`${text.workspace.role}: ${name}`}
            value={one.role}
            onChange={(event) => void changing.run(event.currentTarget.value as Role)}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {text.roles[role]}
              </option>
            ))}
          </select>
        ) : (
          <Badge>{text.roles[one.role]}</Badge>
        )}
      </div>
      <div class="row">
        {can("transfer") && !me && (
          <Button look="quiet" onPress={() => setAsking("transfer")}>
            {text.workspace.transfer}
          </Button>
        )}
        {can("remove-members") && !me && (
          <Button look="quiet" onPress={() => setAsking("remove")} label={text.workspace.removeMember(name)}>
            {text.common.remove}
          </Button>
        )}
      </div>
      <Refusal of={changing.problem} />
      {asking === "remove" && (
        <Confirm
          title={text.workspace.removeMember(name)}
          yes={text.common.remove}
          danger
          doing={removing}
          onClose={() => setAsking(undefined)}
        >
          <p>{text.workspace.removeMemberDetail}</p>
        </Confirm>
      )}
      {asking === "transfer" && (
        <Confirm
          title={text.workspace.transferTitle(name)}
          yes={text.workspace.transfer}
          doing={giving}
          onClose={() => setAsking(undefined)}
        >
          <p>{text.workspace.transferDetail}</p>
        </Confirm>
      )}
    </li>
  );
}

function Invites({ workspace }: { workspace: WorkspaceView }) {
  const params = { path: { workspace_id: workspace.id } };
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<"admin" | "member">("member");
  const [sent, setSent] = useState("");
  const open = useQuery(`invites ${workspace.id}`, () =>
    take(api.GET("/api/auth/v1/workspaces/{workspace_id}/invites", { params })),
  );
  const inviting = useAction(async () => {
    await take(api.POST("/api/auth/v1/workspaces/{workspace_id}/invites", { params, body: { email, role } }));
    setSent(email);
    setEmail("");
    open.reload();
  });
  return (
    <Card title={text.workspace.invite}>
      <Form doing={inviting} button={text.workspace.inviteSend} said={text.workspace.invited(sent)}>
        <EmailField autocomplete="off" value={email} onInput={setEmail} errors={inviting.problem?.fields} />
        <Choice
          label={text.workspace.role}
          value={role}
          onChange={setRole}
          options={(["member", "admin"] as const).map((each) => ({ value: each, text: text.roles[each] }))}
        />
      </Form>
      <Refusal of={open.problem} />
      {open.data && open.data.length > 0 && (
        <>
          <h3>{text.workspace.invites}</h3>
          <ul class="rows">
            {open.data.map((one) => (
              <Invite key={one.id} one={one} workspaceId={workspace.id} changed={open.reload} />
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

function Invite({ one, workspaceId, changed }: { one: InviteRow; workspaceId: string; changed: () => void }) {
  const params = { path: { workspace_id: workspaceId, invite_id: one.id } };
  const resending = useAction(async () => {
    await take(api.POST("/api/auth/v1/workspaces/{workspace_id}/invites/{invite_id}/resend", { params }));
    changed();
  });
  const revoking = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/workspaces/{workspace_id}/invites/{invite_id}", { params }));
    changed();
  });
  return (
    <li class="row apart">
      <p class="grow">
        {one.email} <Badge>{text.roles[one.role]}</Badge>{" "}
        {one.status === "open" ? (
          <span class="small soft">
            {text.invite.until} <Moment at={one.expires_at} />
          </span>
        ) : (
          <Badge tone="warn">{text.invite.over[one.status]}</Badge>
        )}
      </p>
      <div class="row">
        <Button look="quiet" pending={resending.pending} onPress={() => void resending.run()}>
          {text.workspace.resend}
        </Button>
        <Button look="quiet" pending={revoking.pending} onPress={() => void revoking.run()}>
          {text.workspace.revoke}
        </Button>
      </div>
      <Refusal of={resending.problem ?? revoking.problem} />
    </li>
  );
}
