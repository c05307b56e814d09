import { api, take } from "../api/client";
import { text } from "../text";
import { Page } from "../ui";
import { ways } from "../ways";
import { MailForm } from "./mail-form";

export function ResetPage() {
  return (
    <Page title={text.reset.title} lead={text.reset.lead} back={{ href: ways.login(), text: text.login.title }}>
      <MailForm
        email=""
        button={text.reset.send}
        sent={text.reset.sent}
        ask={(email) => take(api.POST("/api/auth/v1/password-reset", { body: { email } }))}
      />
    </Page>
  );
}
