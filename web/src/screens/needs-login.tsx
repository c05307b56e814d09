import { text } from "../text";
import { ButtonLink, Empty, Page } from "../ui";
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
