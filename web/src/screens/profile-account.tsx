import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import { know } from "../api/session";
import type { User } from "../api/types";
import { useAction, useQuery } from "../hooks";
import { text } from "../text";
import { EmailField, Field, Form, PasswordField } from "../ui";

/** Name, address and password. */
export function AccountSection({ user }: { user: User }) {
  const options = useQuery("login-options", () => take(api.GET("/api/auth/v1/login-options")));
  return (
    <section class="card stack loose" id="account">
      <h2>{text.profile.you}</h2>
      <Name user={user} />
      <Address user={user} />
      {options.data?.local_accounts && <Password had={user.has_password} />}
    </section>
  );
}

function Name({ user }: { user: User }) {
  const [name, setName] = useState(user.display_name);
  const saving = useAction(async () =>
    know(await take(api.PATCH("/api/auth/v1/me", { body: { display_name: name } }))),
  );
  return (
    <Form doing={saving} button={text.common.save} said={text.common.saved}>
      <Field
        label={text.profile.name}
        name="display_name"
        autocomplete="name"
        value={name}
        onInput={setName}
        errors={saving.problem?.fields}
        maxLength={100}
      />
    </Form>
  );
}

function Address({ user }: { user: User }) {
  const [email, setEmail] = useState("");
  const changing = useAction(() => take(api.POST("/api/auth/v1/me/email", { body: { email } })));
  return (
    <Form doing={changing} button={text.profile.changeEmail} said={text.profile.emailSent}>
      <p>
        {text.profile.email}: <strong>{user.email}</strong>
      </p>
      <EmailField label={text.profile.newEmail} value={email} onInput={setEmail} errors={changing.problem?.fields} />
    </Form>
  );
}

function Password({ had }: { had: boolean }) {
  const [present, setPresent] = useState("");
  const [wanted, setWanted] = useState("");
  const changing = useAction(async () => {
    const body = { new_password: wanted, ...(had ? { current_password: present } : {}) };
    await take(api.PUT("/api/auth/v1/me/password", { body }));
    know(await take(api.GET("/api/auth/v1/me")));
    setPresent("");
    setWanted("");
  });
  return (
    <Form
      doing={changing}
      button={had ? text.profile.changePassword : text.profile.setPassword}
      said={text.profile.passwordChanged}
    >
      <h3>{had ? text.profile.password : text.profile.noPassword}</h3>
      {had && (
        <PasswordField
          label={text.profile.currentPassword}
          name="current_password"
          value={present}
          onInput={setPresent}
          errors={changing.problem?.fields}
        />
      )}
      <PasswordField
        fresh
        label={text.profile.newPassword}
        name="new_password"
        value={wanted}
        onInput={setWanted}
        errors={changing.problem?.fields}
      />
    </Form>
  );
}
