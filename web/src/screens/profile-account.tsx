import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import { know } from "../api/session";
import type { User } from "../api/types";
import { useAction } from "../hooks/action";
import { useQuery } from "../hooks/query";
import { text } from "../text";
import { EmailField, Field } from "../ui/field";
import { Form } from "../ui/form";
import { Note } from "../ui/note";

/** Name, address and password. */
export function AccountSection({ user }: { user: User }) {
  const options = useQuery("login-options", () => take(api.GET("/api/auth/v1/login-options")));
  return (
    <section class="card stack loose" id="account">
      <h2>{text.profile.you}</h2>
      <Name user={user} />
      <Address user={user} />
      {options.data?.local_accounts && <Password />}
    </section>
  );
}

function Name({ user }: { user: User }) {
  const [name, setName] = useState(user.display_name);
  const [done, setDone] = useState(false);
  const saving = useAction(async () =>
    know(await take(api.PATCH("/api/auth/v1/me", { body: { display_name: name } }))),
  );
  return (
    <Form
      doing={saving}
      button={text.common.save}
      onDone={() => setDone(true)}
      beside={done && <span role="status">{text.common.saved}</span>}
    >
      <Field
        label={text.profile.name}
        name="display_name"
        autocomplete="name"
        value={name}
        onInput={(value) => {
          setName(value);
          setDone(false);
        }}
        errors={saving.problem?.fields}
        maxLength={100}
      />
    </Form>
  );
}

function Address({ user }: { user: User }) {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const changing = useAction(() => take(api.POST("/api/auth/v1/me/email", { body: { email } })));
  return (
    <Form
      doing={changing}
      button={text.profile.changeEmail}
      onDone={() => setSent(true)}
      result={
        sent && (
          <Note tone="good" icon="mail" live>
            {text.profile.emailSent}
          </Note>
        )
      }
    >
      <p>
        {text.profile.email}: <strong>{user.email}</strong>
      </p>
      <EmailField label={text.profile.newEmail} value={email} onInput={setEmail} errors={changing.problem?.fields} />
    </Form>
  );
}

function Password() {
  const [present, setPresent] = useState("");
  const [wanted, setWanted] = useState("");
  const [done, setDone] = useState(false);
  const changing = useAction(async () => {
    const body = { new_password: wanted, ...(present ? { current_password: present } : {}) };
    await take(api.PUT("/api/auth/v1/me/password", { body }));
    setPresent("");
    setWanted("");
  });
  return (
    <Form
      doing={changing}
      button={text.profile.changePassword}
      onDone={() => setDone(true)}
      result={
        done && (
          <Note tone="good" live>
            {text.profile.passwordChanged}
          </Note>
        )
      }
    >
      <h3>{text.profile.password}</h3>
      <Field
        label={text.profile.currentPassword}
        name="current_password"
        type="password"
        autocomplete="current-password"
        value={present}
        onInput={setPresent}
        errors={changing.problem?.fields}
      />
      <Field
        label={text.profile.newPassword}
        name="new_password"
        type="password"
        autocomplete="new-password"
        hint={text.signUp.passwordHint}
        value={wanted}
        onInput={setWanted}
        errors={changing.problem?.fields}
        required
      />
    </Form>
  );
}
