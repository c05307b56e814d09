import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { session } from "../api/session";
import type { WorkspaceView } from "../api/types";
import { useAction, useQuery } from "../hooks";
import { text } from "../text";
import { Button, Card, Check, Confirm, Fact, Field, Form, Loaded, Note, Refusal } from "../ui";
import { ways } from "../ways";

interface SettingsProps {
  workspace: WorkspaceView;
  changed: (one: WorkspaceView) => void;
}

/** Name and rules, where they may be changed here; and the ways to end it. */
export function Settings({ workspace, changed }: SettingsProps) {
  const may = new Set(workspace.can);
  const params = { path: { workspace_id: workspace.id } };
  const [name, setName] = useState(workspace.name);
  const [ruled, setRuled] = useState<boolean>();
  const patch = async (body: { name?: string; requires_two_factor?: boolean }) => {
    changed(await take(api.PATCH("/api/auth/v1/workspaces/{workspace_id}", { params, body })));
  };
  const renaming = useAction(() => patch({ name }));
  const ruling = useAction((on: boolean) => patch({ requires_two_factor: on }));
  return (
    <div class="stack loose">
      {workspace.read_only && (
        <Note icon="lock">{text.workspace.readOnly(workspace.provider_label ?? workspace.product)}</Note>
      )}
      <section class="card stack">
        {may.has("rename") && (
          <Form doing={renaming} button={text.common.save} said={text.common.saved}>
            <Field
              label={text.workspace.rename}
              name="name"
              value={name}
              onInput={setName}
              errors={renaming.problem?.fields}
              maxLength={100}
              required
            />
          </Form>
        )}
        {may.has("set-two-factor-rule") && (
          <Check
            label={text.workspace.twoFactorRule}
            checked={ruled ?? workspace.requires_two_factor}
            onChange={(on) => {
              setRuled(on);
              void ruling.run(on).then(() => setRuled(undefined));
            }}
          />
        )}
        <Refusal of={ruling.problem} />
        <dl class="facts">
          <Fact name={text.workspace.plan}>
            {workspace.plan} <span class="small soft">{text.workspace.planHint}</span>
          </Fact>
          <Fact name={text.workspace.region}>{workspace.region || text.workspace.noRegion}</Fact>
        </dl>
      </section>
      <Ending workspace={workspace} changed={changed} />
    </div>
  );
}

function Ending({ workspace, changed }: SettingsProps) {
  const may = new Set(workspace.can);
  const [asking, setAsking] = useState<"archive" | "delete" | "leave" | undefined>();
  const [, navigate] = useLocation();
  const params = { path: { workspace_id: workspace.id } };
  const archiving = useAction(async () => {
    changed(await take(api.POST("/api/auth/v1/workspaces/{workspace_id}/archive", { params })));
  });
  const restoring = useAction(async () => {
    changed(await take(api.POST("/api/auth/v1/workspaces/{workspace_id}/restore", { params })));
  });
  const leaving = useAction(async () => {
    const me = session.value.is === "somebody" ? session.value.user.id : "";
    await take(
      api.DELETE("/api/auth/v1/workspaces/{workspace_id}/members/{user_id}", {
        params: { path: { workspace_id: workspace.id, user_id: me } },
      }),
    );
    navigate(ways.accounts);
  });
  if (!may.has("archive") && !may.has("restore") && !may.has("delete") && !may.has("leave")) return null;
  const close = () => setAsking(undefined);
  return (
    <Card title={text.workspace.danger}>
      <div class="row">
        {may.has("leave") && <Button onPress={() => setAsking("leave")}>{text.workspace.leave}</Button>}
        {workspace.active && may.has("archive") && (
          <Button onPress={() => setAsking("archive")}>{text.workspace.archive}</Button>
        )}
        {!workspace.active && may.has("restore") && (
          <Button pending={restoring.pending} onPress={() => void restoring.run()}>
            {text.workspace.restore}
          </Button>
        )}
        {may.has("delete") && (
          <Button look="danger" onPress={() => setAsking("delete")}>
            {text.workspace.delete}
          </Button>
        )}
      </div>
      <Refusal of={restoring.problem} />
      {asking === "archive" && (
        <Confirm title={text.workspace.archiveTitle} yes={text.workspace.archive} doing={archiving} onClose={close}>
          <p>{text.workspace.archiveDetail}</p>
        </Confirm>
      )}
      {asking === "leave" && (
        <Confirm title={text.workspace.leaveTitle} yes={text.workspace.leave} danger doing={leaving} onClose={close}>
          <p>{text.workspace.leaveDetail}</p>
        </Confirm>
      )}
      {asking === "delete" && <Deletion workspace={workspace} onClose={close} />}
    </Card>
  );
}

function Deletion({ workspace, onClose }: { workspace: WorkspaceView; onClose: () => void }) {
  const [, navigate] = useLocation();
  const params = { path: { workspace_id: workspace.id } };
  const effects = useQuery(`deletion ${workspace.id}`, () =>
    take(api.GET("/api/auth/v1/workspaces/{workspace_id}/deletion", { params })),
  );
  const deleting = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/workspaces/{workspace_id}", { params }));
    navigate(ways.accounts);
  });
  return (
    <Confirm
      title={text.workspace.deleteTitle}
      yes={text.workspace.delete}
      danger
      doing={deleting}
      ready={effects.data?.must_archive_first === false}
      onClose={onClose}
    >
      <Loaded query={effects} bones={{ size: "line", count: 2 }}>
        {(found) => (
          <>
            <p>{text.workspace.deleteDetail(found.members)}</p>
            {found.must_archive_first && <Note tone="warn">{text.workspace.deleteArchiveFirst}</Note>}
          </>
        )}
      </Loaded>
    </Confirm>
  );
}
