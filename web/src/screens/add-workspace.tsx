import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import type { WorkspaceView } from "../api/types";
import { useAction, useQuery } from "../hooks";
import { text } from "../text";
import { ButtonAway, Choice, Field, Form, Loaded } from "../ui";

/** Every way to a new workspace: one of the marketplace's own, or one that a product makes and tells of (S12). */
export function AddWorkspace({ back, onMade }: { back: string | undefined; onMade: (made: WorkspaceView) => void }) {
  const wish = { params: { query: { return_to: back ?? null } } };
  const ways = useQuery(`ways-to-add ${back}`, () => take(api.GET("/api/auth/v1/workspaces/ways-to-add", wish)));
  return (
    <section class="card stack" id="add-workspace">
      <h3>{text.accounts.addWorkspace}</h3>
      <Loaded query={ways} bones={{ size: "line", count: 2 }}>
        {(found) => (
          <>
            {found.products.map((one) => (
              <div key={one.provider} class="row apart">
                <p class="grow soft">
                  {text.accounts[one.create_workspace_url ? "addAtDetail" : "addAtUnknown"](one.label)}
                </p>
                {one.create_workspace_url && (
                  <ButtonAway href={one.create_workspace_url}>{text.accounts.addAt(one.label)}</ButtonAway>
                )}
              </div>
            ))}
            {found.local && <Local regions={found.local.regions} onMade={onMade} />}
          </>
        )}
      </Loaded>
    </section>
  );
}

function Local({ regions, onMade }: { regions: readonly string[]; onMade: (made: WorkspaceView) => void }) {
  const [name, setName] = useState("");
  const [region, setRegion] = useState("");
  const making = useAction(async () => {
    const body = { name, ...(region ? { region } : {}) };
    onMade(await take(api.POST("/api/auth/v1/workspaces", { body })));
    setName("");
  });
  return (
    <Form doing={making} button={text.accounts.create}>
      <p class="soft">{text.accounts.addLocal}</p>
      <Field
        label={text.accounts.name}
        name="name"
        value={name}
        onInput={setName}
        errors={making.problem?.fields}
        maxLength={100}
        required
      />
      {regions.length > 0 && (
        <Choice
          label={text.accounts.region}
          hint={text.accounts.regionHint}
          value={region}
          onChange={setRegion}
          options={["", ...regions.filter(Boolean)].map((one) => ({ value: one, text: one || text.accounts.noRegion }))}
        />
      )}
    </Form>
  );
}
