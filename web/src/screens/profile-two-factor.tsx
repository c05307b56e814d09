import { useState } from "preact/hooks";
import { api, take } from "../api/client";
import { bearer, know, renew } from "../api/session";
import type { Enrolling, User } from "../api/types";
import { useAction, useQuery } from "../hooks";
import { text } from "../text";
import { Card, Confirm, codeBody, Dialog, Field, Form, Loaded, Moment, Note, Refusal } from "../ui";
import { Button, ButtonLink, Copy } from "../ui/button";

/** S13 and S14: the second factor, on and off. */
export function TwoFactorSection({ user, back }: { user: User; back: string | undefined }) {
  const query = useQuery("two-factor", () => take(api.GET("/api/auth/v1/me/two-factor")));
  const [enrolling, setEnrolling] = useState<Enrolling>();
  const [codes, setCodes] = useState<string[]>();
  const [asking, setAsking] = useState<"disable" | "renew" | undefined>();
  const beginning = useAction(async () => setEnrolling(await take(api.POST("/api/auth/v1/me/two-factor"))));
  const changed = (shown?: string[]) => {
    setEnrolling(undefined);
    setCodes(shown);
    query.reload();
    void take(api.GET("/api/auth/v1/me")).then(know);
    void renew(bearer());
  };
  return (
    <Card title={text.profile.twoFactor} id="two-factor">
      <Loaded query={query} bones={{ size: "line", count: 2 }}>
        {(found) => (
          <>
            <Note tone={found.enabled ? "good" : "warn"} icon={found.enabled ? "shield" : "lock"}>
              <p>{found.enabled ? text.profile.twoFactorOn : text.profile.twoFactorOff}</p>
              {found.enabled_at && (
                <p class="small">
                  {text.profile.since} <Moment at={found.enabled_at} />
                </p>
              )}
            </Note>
            {found.enabled && <p class="small soft">{text.profile.codesLeft(found.recovery_codes_left)}</p>}
            {user.two_factor && !enrolling && back && (
              <Note tone="good">
                <p>{text.profile.unlocked}</p>
                <ButtonLink href={back} look="primary">
                  {text.profile.wayBack}
                </ButtonLink>
              </Note>
            )}
            {enrolling ? (
              <Enrolment enrolling={enrolling} onOn={changed} onCancel={() => setEnrolling(undefined)} />
            ) : (
              <div class="row">
                {found.enabled ? (
                  <>
                    <Button onPress={() => setAsking("renew")}>{text.profile.newCodes}</Button>
                    <Button look="danger" onPress={() => setAsking("disable")}>
                      {text.profile.disable}
                    </Button>
                  </>
                ) : (
                  <Button look="primary" pending={beginning.pending} onPress={() => void beginning.run()}>
                    {text.profile.enable}
                  </Button>
                )}
              </div>
            )}
            <Refusal of={beginning.problem} />
          </>
        )}
      </Loaded>
      {asking && <WithCode what={asking} onDone={changed} onClose={() => setAsking(undefined)} />}
      {codes && <RecoveryCodes codes={codes} onClose={() => setCodes(undefined)} />}
    </Card>
  );
}

interface EnrolmentProps {
  enrolling: Enrolling;
  onOn: (codes: string[]) => void;
  onCancel: () => void;
}

function Enrolment({ enrolling, onOn, onCancel }: EnrolmentProps) {
  const [code, setCode] = useState("");
  const confirming = useAction(async () => {
    const made = await take(
      api.POST("/api/auth/v1/me/two-factor/confirm", { body: { code: code.replace(/\s/g, "") } }),
    );
    onOn(made.recovery_codes);
  });
  return (
    <Form
      doing={confirming}
      button={text.profile.confirmButton}
      primary
      beside={<Button onPress={onCancel}>{text.common.cancel}</Button>}
    >
      <p>{text.profile.scan}</p>
      <img class="qr" src={enrolling.qr_code} alt={text.profile.scanAlt} width={200} height={200} />
      <p class="small">
        {text.profile.manual} <code>{enrolling.secret}</code>
      </p>
      <Field
        label={text.profile.confirm}
        autocomplete="one-time-code"
        inputMode="numeric"
        value={code}
        onInput={setCode}
        maxLength={10}
        required
      />
    </Form>
  );
}

interface WithCodeProps {
  what: "disable" | "renew";
  onDone: (codes?: string[]) => void;
  onClose: () => void;
}

/** What the second factor itself has to agree to. */
function WithCode({ what, onDone, onClose }: WithCodeProps) {
  const [given, setGiven] = useState("");
  const doing = useAction(async () => {
    if (what === "disable") {
      await take(api.POST("/api/auth/v1/me/two-factor/disable", { body: codeBody(given) }));
      onDone();
    } else {
      const body = { code: given.replace(/\s/g, "") };
      onDone((await take(api.POST("/api/auth/v1/me/two-factor/recovery-codes", { body }))).recovery_codes);
    }
  });
  return (
    <Confirm
      title={what === "disable" ? text.profile.disableTitle : text.profile.newCodes}
      yes={what === "disable" ? text.profile.disable : text.profile.newCodes}
      danger={what === "disable"}
      doing={doing}
      ready={given.trim() !== ""}
      onClose={onClose}
    >
      {what === "disable" && <p>{text.profile.disableDetail}</p>}
      <Field
        label={text.stepUp.code}
        autocomplete="one-time-code"
        value={given}
        onInput={setGiven}
        maxLength={64}
        required
      />
    </Confirm>
  );
}

function RecoveryCodes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  return (
    <Dialog title={text.profile.codesTitle}>
      <p>{text.profile.codesDetail}</p>
      <ul class="codes">
        {codes.map((one) => (
          <li key={one}>
            <code>{one}</code>
          </li>
        ))}
      </ul>
      <div class="row">
        <Copy value={codes.join("\n")} />
        <Button look="primary" onPress={onClose}>
          {text.profile.codesKept}
        </Button>
      </div>
    </Dialog>
  );
}
