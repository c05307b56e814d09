import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import type { PersonalTokenRow, TokenScope } from "../api/types";
import { useAction, useQuery } from "../hooks";
import { text } from "../text";
import { Ago, Card, Check, Choice, Dialog, Empty, Field, Form, Loaded, Moment, Note, Refusal } from "../ui";
import { Button, Copy } from "../ui/button";

const SCOPES = Object.keys(text.tokenScopes) as TokenScope[];
const DAYS = ["7", "30", "90", "365"] as const;

/** Tokens for programs: made with chosen rights, shown once. */
export function TokensSection() {
  const query = useQuery("tokens", () => take(api.GET("/api/auth/v1/me/tokens")));
  const [making, setMaking] = useState(false);
  return (
    <Card title={text.profile.tokens} lead={text.profile.tokensLead} id="tokens">
      <Loaded query={query} bones={{ size: "line", count: 2 }}>
        {(found) =>
          found.length === 0 ? (
            <Empty icon="lock" title={text.profile.noTokens} />
          ) : (
            <ul class="rows">
              {found.map((one) => (
                <Row key={one.id} one={one} changed={query.reload} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <div>
        <Button onPress={() => setMaking(true)}>{text.profile.newToken}</Button>
      </div>
      {making && (
        <NewToken
          onClose={() => {
            setMaking(false);
            query.reload();
          }}
        />
      )}
    </Card>
  );
}

function Row({ one, changed }: { one: PersonalTokenRow; changed: () => void }) {
  const revoking = useAction(async () => {
    await take(api.DELETE("/api/auth/v1/me/tokens/{token_id}", { params: { path: { token_id: one.id } } }));
    changed();
  });
  return (
    <li class="row apart">
      <div class="grow">
        <p>
          <strong dir="auto">{one.name}</strong> <code class="soft">{one.hint}</code>
        </p>
        <p class="small soft">{one.scopes.map((each) => text.tokenScopes[each as TokenScope] ?? each).join(" · ")}</p>
        <p class="small soft">
          {text.profile.ends} <Moment at={one.expires_at} /> · {text.profile.lastUsed}{" "}
          {one.last_used_at ? <Ago at={one.last_used_at} /> : text.profile.never}
        </p>
      </div>
      <Button look="danger" pending={revoking.pending} onPress={() => void revoking.run()}>
        {text.profile.revoke}
      </Button>
      <Refusal of={revoking.problem} />
    </li>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly TokenScope[]>([]);
  const [days, setDays] = useState<(typeof DAYS)[number]>("30");
  const [made, setMade] = useState("");
  const making = useAction(async () => {
    const body = { name, scopes: [...scopes], expires_in_days: Number(days) };
    setMade((await take(api.POST("/api/auth/v1/me/tokens", { body }))).token);
  });
  if (made) {
    return (
      <Dialog title={text.profile.newToken} onClose={onClose}>
        <Note tone="warn">{text.profile.tokenOnce}</Note>
        <code class="secret">{made}</code>
        <div class="row">
          <Copy value={made} />
          <Button look="primary" onPress={onClose}>
            {text.common.close}
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={text.profile.newToken} onClose={onClose}>
      <Form
        doing={making}
        button={text.profile.makeToken}
        primary
        ready={scopes.length > 0}
        beside={<Button onPress={onClose}>{text.common.cancel}</Button>}
      >
        <Field
          label={text.profile.tokenName}
          name="name"
          value={name}
          onInput={setName}
          errors={making.problem?.fields}
          maxLength={60}
          required
        />
        <fieldset class="stack tight">
          <legend>{text.profile.tokenScopes}</legend>
          {SCOPES.map((one) => (
            <Check
              key={one}
              label={text.tokenScopes[one]}
              checked={scopes.includes(one)}
              onChange={(on) => setScopes(on ? [...scopes, one] : scopes.filter((each) => each !== one))}
            />
          ))}
        </fieldset>
        <Choice
          label={text.profile.tokenDays}
          value={days}
          onChange={setDays}
          options={DAYS.map((one) => ({ value: one, text: text.profile.days(Number(one)) }))}
        />
      </Form>
    </Dialog>
  );
}
