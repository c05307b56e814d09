import { text } from "../text";
import { ButtonLink } from "../ui/button";
import { Empty } from "../ui/failure";
import { Page } from "../ui/page";
import { here, ways } from "../ways";

/** In the place of a screen that is for those who are logged in; the log-in leads back to it. */
export function NeedsLogin() {
  const { title, detail } = text.problems["token-missing"];
  return (
    <Page title={title}>
      <Empty icon="user" title={detail}>
        <ButtonLink href={ways.login(here())} look="primary">
          {text.shell.logIn}
        </ButtonLink>
      </Empty>
    </Page>
  );
}
