import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Doing } from "../hooks/action";
import { Button } from "./button";
import { Refusal } from "./failure";
import { Note } from "./note";

interface FormProps {
  doing: Doing<[]>;
  button: string;
  primary?: boolean;
  /** What else is needed before it can be sent. */
  ready?: boolean;
  onDone?: () => void;
  /** Said below the fields once it is done. */
  said?: string;
  /** Beside the button. */
  beside?: ComponentChildren;
  /** Between the fields and the button, below what was refused. */
  result?: ComponentChildren;
  children: ComponentChildren;
}

/** Fields that are sent together, what was refused, and the button. */
export function Form({ doing, button, primary, ready = true, onDone, said, beside, result, children }: FormProps) {
  const [done, setDone] = useState(false);
  return (
    <form
      class="stack"
      onInput={() => setDone(false)}
      onSubmit={async (event) => {
        event.preventDefault();
        if (!ready) return;
        setDone(false);
        if (!(await doing.run())) return;
        setDone(true);
        onDone?.();
      }}
    >
      {children}
      <Refusal of={doing.problem} />
      {result}
      {done && said && (
        <Note tone="good" live>
          {said}
        </Note>
      )}
      <div class="row">
        <Button type="submit" pending={doing.pending} disabled={!ready} look={primary ? "primary" : undefined}>
          {button}
        </Button>
        {beside}
      </div>
    </form>
  );
}
