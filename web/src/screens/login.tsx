import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, take } from "../api/client";
import { Problem } from "../api/problem";
import { enter, session } from "../api/session";
import type { LoginOptions, ProviderRow } from "../api/types";
import { arrival, SECOND } from "../arrival";
import { useAction, useAsked, useQuery } from "../hooks";
import { text } from "../text";
import { codeBody, EmailField, Field, Form, Loaded, Note, Page, PasswordField } from "../ui";
import { Button, ButtonAway, ButtonLink } from "../ui/button";
import { wayBack, ways, withQuery } from "../ways";
import { LoginRefusal } from "./login-refusal";

const CSRF = { headers: { "X-Souk-CSRF": "1" } };

/** Every way in, and the second step of those that ask for one. It ends where the visitor was. */
export function LoginPage() {
  const query = useAsked();
  const back = wayBack(query) ?? ways.home;
  const another = query.get("another") === "1";
  const error = query.get("error");
  // A product's log-in that asks for a code keeps what waits for it in a cookie; a password's is in its answer.
  const [second, setSecond] = useState<{ challenge?: string } | undefined>(error === SECOND ? {} : undefined);
  const known = session.value;
  if (second) return <SecondStep challenge={second.challenge} back={back} again={() => setSecond(undefined)} />;
  if (known.is === "somebody" && !another) return <Here email={known.user.email} back={back} error={error} />;
  return (
    <Page
      title={another ? text.login.another : text.login.title}
      lead={another ? text.login.anotherLead : undefined}
      back={back === ways.home ? undefined : { href: back, text: text.common.back }}
    >
      {error && error !== SECOND && <LoginRefusal slug={error} back={back} tone="bad" live />}
      <Ways another={another} back={back} onSecond={(challenge) => setSecond({ challenge })} />
    </Page>
  );
}

function Here({ email, back, error }: { email: string; back: string; error: string | null }) {
  return (
    <Page title={text.login.title}>
      {error && error !== SECOND && <LoginRefusal slug={error} back={back} tone="bad" live />}
      <Note tone="good" icon="user">
        {text.login.here(email)}
      </Note>
      <div class="row">
        <ButtonLink href={back} look="primary">
          {text.login.goOn}
        </ButtonLink>
        <ButtonLink href={withQuery("/login", { another: "1", return_to: back })}>{text.login.another}</ButtonLink>
      </div>
    </Page>
  );
}

interface WaysProps {
  another: boolean;
  back: string;
  onSecond: (challenge: string) => void;
}

function Ways({ another, back, onSecond }: WaysProps) {
  const options = useQuery("login-options", () => take(api.GET("/api/auth/v1/login-options")));
  return (
    <Loaded query={options} bones={{ size: "line", count: 3 }}>
      {(found) => (
        <div class="stack loose">
          <p class="soft">{found.local_accounts ? text.login.lead : text.login.leadProducts}</p>
          <Providers
            options={found}
            words={text.login.with}
            address={(one) => withQuery(one.login_url, { return_to: back, ...(another ? { another: "1" } : {}) })}
          />
          {found.local_accounts && (
            <>
              {found.providers.length > 0 && <p class="divider">{text.login.or}</p>}
              <PasswordForm back={back} onSecond={onSecond} />
            </>
          )}
          <p>
            {text.login.noAccount} <Link href={ways.signUp(back)}>{text.login.signUp}</Link>
          </p>
        </div>
      )}
    </Loaded>
  );
}

interface ProvidersProps {
  options: LoginOptions;
  words: (label: string) => string;
  address: (one: ProviderRow) => string;
}

/** A button for every product; the one that the visitor comes from is the first. */
export function Providers({ options, words, address }: ProvidersProps) {
  const known = arrival.value?.provider?.id;
  const all = [...options.providers].sort((one, other) => Number(other.id === known) - Number(one.id === known));
  if (all.length === 0) return null;
  return (
    <div class="stack tight">
      {known && <p>{text.login.recognised(all[0]?.label ?? "")}</p>}
      {all.map((one, at) => (
        <ButtonAway key={one.id} href={address(one)} block big look={at === 0 ? "primary" : undefined}>
          {words(one.label)}
        </ButtonAway>
      ))}
    </div>
  );
}

function PasswordForm({ back, onSecond }: { back: string; onSecond: (challenge: string) => void }) {
  const [, navigate] = useLocation();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const logging = useAction(async () => {
    try {
      enter(await take(api.POST("/api/auth/v1/sessions", { body: { email, password, client: "browser" }, ...CSRF })));
      navigate(back, { replace: true });
    } catch (thrown) {
      if (!(thrown instanceof Problem) || thrown.slug !== SECOND) throw thrown;
      onSecond(String(thrown.document.challenge ?? ""));
    }
  });
  return (
    <Form
      doing={logging}
      button={text.login.logIn}
      primary
      beside={<Link href="/reset-password">{text.login.forgot}</Link>}
      result={
        logging.problem?.slug === "email-not-verified" && (
          <ButtonLink href={withQuery("/verify-email", { return_to: back, email })}>{text.verify.resend}</ButtonLink>
        )
      }
    >
      <EmailField autocomplete="username" value={email} onInput={setEmail} errors={logging.problem?.fields} />
      <PasswordField value={password} onInput={setPassword} errors={logging.problem?.fields} />
    </Form>
  );
}

function SecondStep({ challenge, back, again }: { challenge: string | undefined; back: string; again: () => void }) {
  const [, navigate] = useLocation();
  const [given, setGiven] = useState("");
  const proving = useAction(async () => {
    const body = { ...codeBody(given), ...(challenge ? { challenge } : {}) };
    enter(await take(api.POST("/api/auth/v1/sessions/two-factor", { body, ...CSRF })));
    navigate(back, { replace: true });
  });
  return (
    <Page title={text.login.secondTitle} lead={text.login.secondLead}>
      <Form
        doing={proving}
        button={text.login.logIn}
        primary
        beside={<Button onPress={again}>{text.common.back}</Button>}
      >
        <Field
          label={text.login.code}
          autocomplete="one-time-code"
          value={given}
          onInput={setGiven}
          maxLength={64}
          required
          autofocus
        />
      </Form>
    </Page>
  );
}
