import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Doing } from "../hooks/action";
import { text } from "../text";
import { Button } from "./button";
import { Refusal } from "./failure";
import { unique } from "./field";

interface DialogProps {
  title: string;
  /** By Escape. Without it the dialog stays: what it shows is not shown again. */
  onClose?: () => void;
  children: ComponentChildren;
}

/** Above the page, which waits; the browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const [id] = useState(unique);
  useEffect(() => {
    const shown = box.current;
    shown?.showModal();
    return () => shown?.close(); // gives the focus back
  }, []);
  return (
    <dialog
      ref={box}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      // A browser closes it at the second Escape, whatever is said to the first.
      onClose={() => !onClose && box.current?.isConnected && box.current.showModal()}
    >
      <div class="stack">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  yes: string;
  no?: string;
  danger?: boolean;
  doing: Doing<[]>;
  onDone?: () => void;
  onClose: () => void;
  /** What has to be filled in before. */
  ready?: boolean;
  children: ComponentChildren;
}

/** Asks before something is done, and tells what it means. */
export function Confirm({
  title,
  yes,
  no = text.common.cancel,
  danger,
  doing,
  onDone,
  onClose,
  ready = true,
  children,
}: ConfirmProps) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: as it opens: what was refused last time is over
  useEffect(() => doing.clear(), []);
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={async (event) => {
          event.preventDefault();
          if (ready && (await doing.run())) {
            onDone?.();
            onClose();
          }
        }}
      >
        {children}
        <Refusal of={doing.problem} />
        <div class="row">
          <Button type="submit" look={danger ? "danger" : "primary"} pending={doing.pending} disabled={!ready}>
            {yes}
          </Button>
          <Button onPress={onClose} autofocus={danger}>
            {no}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
