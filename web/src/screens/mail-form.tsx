import { useState } from "preact/hooks";
import { useAction } from "../hooks";
import { EmailField, Form } from "../ui";

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
  const asking = useAction(() => ask(email));
  return (
    <Form doing={asking} button={button} primary said={sent}>
      <EmailField value={email} onInput={setEmail} errors={asking.problem?.fields} />
    </Form>
  );
}
