import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import { prove, session } from "../api/session";
import { useAction } from "../hooks/action";
import { useQuery } from "../hooks/query";
import { text } from "../text";
import { here, withQuery } from "../ways";
import { Button, ButtonAway } from "./button";
import { Dialog } from "./dialog";
import { Loaded } from "./failure";
import { Field } from "./field";
import { Form } from "./form";

const asked = signal<((proved: boolean) => void) | undefined>(undefined);

/** Ask the visitor who they are once more. False if they would rather not. */
export function askForProof(): Promise<boolean> {
  return new Promise((resolve) => {
    asked.value?.(false);
    asked.value = resolve;
  });
}

/** The place in the page where it is asked. */
export function StepUp() {
  const answer = asked.value;
  if (!answer) return null;
  const close = (proved: boolean) => {
    asked.value = undefined;
    answer(proved);
  };
  return (
    <Dialog title={text.stepUp.title} onClose={() => close(false)}>
      <p>{text.stepUp.why}</p>
      <Proofs onProved={() => close(true)} />
      <Button onPress={() => close(false)}>{text.common.cancel}</Button>
    </Dialog>
  );
}

function Proofs({ onProved }: { onProved: () => void }) {
  const ways = useQuery("proofs", async () => {
    const [options, products] = await Promise.all([
      take(api.GET("/api/auth/v1/login-options")),
      take(api.GET("/api/auth/v1/me/product-accounts")),
    ]);
    const providers = options.providers.filter((one) => products.some((each) => each.provider === one.id));
    return { password: options.local_accounts, providers };
  });
  const somebody = session.value.is === "somebody" ? session.value.user : undefined;
  return (
    <Loaded query={ways} bones={{ size: "line", count: 2 }}>
      {({ password, providers }) => (
        <>
          {(password || somebody?.two_factor) && <Proof code={Boolean(somebody?.two_factor)} onProved={onProved} />}
          {providers.map((one) => (
            <ButtonAway key={one.id} href={withQuery(one.login_url, { again: "1", return_to: here() })} block>
              {text.stepUp.byProduct(one.label)}
            </ButtonAway>
          ))}
        </>
      )}
    </Loaded>
  );
}

function Proof({ code, onProved }: { code: boolean; onProved: () => void }) {
  const [given, setGiven] = useState("");
  const proving = useAction(async () => {
    const body = code ? codeBody(given) : { password: given };
    const proved = await take(api.POST("/api/auth/v1/sessions/current/step-up", { body }));
    prove(proved.access_token, proved.expires_in);
  });
  return (
    <Form doing={proving} button={text.stepUp.prove} primary onDone={onProved}>
      <Field
        label={code ? text.stepUp.code : text.stepUp.password}
        type={code ? "text" : "password"}
        hint={code ? text.stepUp.codeHint : undefined}
        autocomplete={code ? "one-time-code" : "current-password"}
        value={given}
        onInput={setGiven}
        required
        autofocus
      />
    </Form>
  );
}

/** Six digits are the device's; anything else is a recovery code. */
export function codeBody(given: string): { code: string } | { recovery_code: string } {
  const digits = given.replace(/\s/g, "");
  return /^\d{6}$/.test(digits) ? { code: digits } : { recovery_code: given.trim() };
}
