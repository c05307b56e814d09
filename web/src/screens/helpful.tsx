import { useEffect, useRef, useState } from "preact/hooks";
import { api, take } from "../api/client";
import { useAction } from "../hooks";
import { text } from "../text";
import { Button, Field, Refusal } from "../ui";

/** Whether a page has helped (S18). What was missing may be added to a no; who leaves without has said no all the same. */
export function Helpful({ page }: { page: string }) {
  const [no, setNo] = useState(false);
  const [missing, setMissing] = useState("");
  const [done, setDone] = useState(false);
  const open = useRef(false);
  open.current = no && !done;
  const telling = useAction(async (helpful: boolean) => {
    await tell(page, helpful, missing);
    setDone(true);
  });
  useEffect(() => () => void (open.current && tell(page, false, "").catch(() => {})), [page]);
  if (done) return <p role="status">{text.shell.thanks}</p>;
  return (
    <div class="stack tight">
      <div class="row">
        <span>{text.shell.helpful}</span>
        <Button pending={telling.pending && !no} onPress={() => void telling.run(true)}>
          {text.common.yes}
        </Button>
        <Button onPress={() => setNo(true)}>{text.common.no}</Button>
      </div>
      {no && (
        <form
          class="stack tight"
          onSubmit={(event) => {
            event.preventDefault();
            void telling.run(false);
          }}
        >
          <Field
            label={text.shell.tellMore}
            name="text"
            value={missing}
            onInput={setMissing}
            errors={telling.problem?.fields}
            maxLength={2000}
            long
          />
          <Button type="submit" pending={telling.pending}>
            {text.shell.send}
          </Button>
        </form>
      )}
      <Refusal of={telling.problem} />
    </div>
  );
}

async function tell(page: string, helpful: boolean, words: string): Promise<void> {
  await take(api.POST("/api/notifier/v1/feedback", { body: { page, helpful, text: words } }));
}
