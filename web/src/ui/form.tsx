import type { ComponentChildren } from "preact";
import type { Doing } from "../hooks/action";
import { Button } from "./button";
import { Refusal } from "./failure";

interface FormProps {
  doing: Doing<[]>;
  button: string;
  primary?: boolean;
  /** What else is needed before it can be sent. */
  ready?: boolean;
  onDone?: () => void;
  /** Beside the button. */
  beside?: ComponentChildren;
  /** Between the fields and the button, below what was refused. */
  result?: ComponentChildren;
  children: ComponentChildren;
}

/** Fields that are sent together, what was refused, and the button. */
export function Form({ doing, button, primary, ready = true, onDone, beside, result, children }: FormProps) {
  return (
    <form
      class="stack"
      onSubmit={async (event) => {
        event.preventDefault();
        if (ready && (await doing.run())) onDone?.();
      }}
    >
      {children}
      <Refusal of={doing.problem} />
      {result}
      <div class="row">
        <Button type="submit" pending={doing.pending} disabled={!ready} look={primary ? "primary" : undefined}>
          {button}
        </Button>
        {beside}
      </div>
    </form>
  );
}
