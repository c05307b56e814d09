import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, take } from "../api/client";
import { useAction, useAsked, useQuery } from "../hooks";
import { text } from "../text";
import { ButtonLink, EmailField, Empty, Field, Form, Loaded, Note, Page, PasswordField } from "../ui";
import { wayBack, ways, withQuery } from "../ways";
import { Providers } from "./login";

/** S2, S8 and S10: an account at a product, or one of the marketplace's own; then back to the same place. */
export function SignUpPage() {
  const back = wayBack(useAsked()) ?? ways.home;
  const [sentTo, setSentTo] = useState("");
  const options = useQuery("login-options", () => take(api.GET("/api/auth/v1/login-options")));
  if (sentTo) {
    return (
      <Page title={text.signUp.sent}>
        <Empty icon="mail" title={text.signUp.sentDetail(sentTo)}>
          <ButtonLink href={withQuery("/verify-email", { return_to: back, email: sentTo })}>
            {text.verify.resend}
          </ButtonLink>
        </Empty>
      </Page>
    );
  }
  return (
    <Page title={text.signUp.title} back={back === ways.home ? undefined : { href: back, text: text.common.back }}>
      <Loaded query={options} bones={{ size: "line", count: 3 }}>
        {(found) => (
          <div class="stack loose">
            <p class="soft">{found.local_accounts ? text.signUp.lead : text.signUp.leadProducts}</p>
            {back.includes("/install") && <Note icon="user">{text.signUp.admin}</Note>}
            <Providers
              options={found}
              words={text.signUp.with}
              address={(one) => withQuery(one.register_url, { return_to: back })}
            />
            {found.local_accounts && (
              <>
                {found.providers.length > 0 && <p class="divider">{text.login.or}</p>}
                <NewAccount back={back} onSent={setSentTo} />
              </>
            )}
            <p>
              {text.signUp.have} <Link href={ways.login(back)}>{text.login.logIn}</Link>
            </p>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function NewAccount({ back, onSent }: { back: string; onSent: (email: string) => void }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const making = useAction(async () => {
    const body = { email, password, display_name: name, locale: navigator.language, return_to: back };
    await take(api.POST("/api/auth/v1/accounts", { body }));
    onSent(email);
  });
  const errors = making.problem?.fields;
  return (
    <Form doing={making} button={text.signUp.create} primary>
      <Field
        label={text.signUp.name}
        name="display_name"
        autocomplete="name"
        value={name}
        onInput={setName}
        errors={errors}
      />
      <EmailField value={email} onInput={setEmail} errors={errors} />
      <PasswordField fresh value={password} onInput={setPassword} errors={errors} />
    </Form>
  );
}
