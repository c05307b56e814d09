import { api, take } from "../api/client";
import { session } from "../api/session";
import { useAsked } from "../hooks";
import { text } from "../text";
import { ButtonLink, Page } from "../ui";
import { wayBack, ways } from "../ways";
import { MailForm } from "./mail-form";

/** S4: why there is no access yet, and the mail once more. */
export function VerifyPage() {
  const query = useAsked();
  const back = wayBack(query) ?? ways.home;
  const known = session.value;
  const email = query.get("email") ?? (known.is === "somebody" ? known.user.email : "");
  return (
    <Page title={text.verify.title} lead={text.verify.lead}>
      <p>{text.verify.again}</p>
      <MailForm
        key={email}
        email={email}
        button={text.verify.resend}
        sent={text.verify.sent}
        ask={(given) => take(api.POST("/api/auth/v1/verify-email/resend", { body: { email: given } }))}
      />
      <div>
        <ButtonLink href={known.is === "somebody" ? back : ways.login(back)}>{text.verify.done}</ButtonLink>
      </div>
    </Page>
  );
}
