import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import { useAction } from "../hooks/action";
import { text } from "../text";
import { Button } from "../ui/button";
import { Refusal } from "../ui/failure";
import { Field } from "../ui/field";

/** Whether a page has helped; the answer is kept at once, what was missing may be added (S18). */
export function Helpful({ page }: { page: string }) {
  const [answer, setAnswer] = useState<boolean | undefined>();
  const [missing, setMissing] = useState("");
  const [done, setDone] = useState(false);
  const telling = useAction(async (helpful: boolean, words: string) => {
    await take(api.POST("/api/notifier/v1/feedback", { body: { page, helpful, text: words } }));
  });
  const say = async (helpful: boolean, words = "") => {
    setAnswer(helpful);
    if (await telling.run(helpful, words)) setDone(helpful || words !== "");
  };
  if (done) return <p role="status">{text.shell.thanks}</p>;
  return (
    <div class="stack tight">
      <div class="row">
        <span>{text.shell.helpful}</span>
        <Button pending={telling.pending && answer === true} onPress={() => void say(true)}>
          {text.common.yes}
        </Button>
        <Button pending={telling.pending && answer === false} onPress={() => void say(false)}>
          {text.common.no}
        </Button>
      </div>
      {answer === false && (
        <form
          class="stack tight"
          onSubmit={(event) => {
            event.preventDefault();
            if (missing.trim()) void say(false, missing);
            else setDone(true);
          }}
        >
          <Field label={text.shell.tellMore} value={missing} onInput={setMissing} maxLength={2000} long />
          <Button type="submit">{text.shell.send}</Button>
        </form>
      )}
      <Refusal of={telling.problem} />
    </div>
  );
}
