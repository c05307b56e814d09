import { useState } from "preact/hooks";
import { useAction } from "../hooks/action";
import { EmailField } from "../ui/field";
import { Form } from "../ui/form";
import { Note } from "../ui/note";

interface MailFormProps {
  email: string;
  button: string;
  /** The same whether or not there is such an account. */
  sent: string;
  ask: (email: string) => Promise<unknown>;
}

/** Asks for a mail. */
export function MailForm({ email: known, button, sent, ask }: MailFormProps) {
  const [email, setEmail] = useState(known);
  const [done, setDone] = useState(false);
  const asking = useAction(() => ask(email));
  return (
    <Form
      doing={asking}
      button={button}
      primary
      onDone={() => setDone(true)}
      result={
        done && (
          <Note tone="good" icon="mail" live>
            {sent}
          </Note>
        )
      }
    >
      <EmailField value={email} onInput={setEmail} errors={asking.problem?.fields} />
    </Form>
  );
}
