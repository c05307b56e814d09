import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";
import { Route, Switch, useLocation } from "wouter-preact";
import { AddOnPage } from "./screens/addon";
import { HomePage } from "./screens/home";
import { InstallPage } from "./screens/install";
import { InstallationPage } from "./screens/installation";
import { InvitePage } from "./screens/invite";
import { LoginPage } from "./screens/login";
import { ManageAccountsPage } from "./screens/manage-accounts";
import { NoticesPage } from "./screens/notices";
import { ProfilePage } from "./screens/profile";
import { ResetPage } from "./screens/reset";
import { Shell } from "./screens/shell";
import { SignUpPage } from "./screens/sign-up";
import { VerifyPage } from "./screens/verify";
import { WorkspacePage } from "./screens/workspace";
import { text } from "./text";
import { Button, ButtonLink, Empty, Page, StepUp } from "./ui";
import { ways } from "./ways";

export function App() {
  return (
    <Shell>
      <Guard>
        <Switch>
          <Route path="/" component={HomePage} />
          <Route path="/addons/:key">{({ key }) => <AddOnPage key={key} addonKey={decoded(key)} />}</Route>
          <Route path="/addons/:key/install">{({ key }) => <InstallPage key={key} addonKey={decoded(key)} />}</Route>
          <Route path="/installations/:id">{({ id }) => <InstallationPage key={id} id={id} />}</Route>
          <Route path="/workspaces/:id/:tab?">{({ id, tab }) => <WorkspacePage key={id} id={id} tab={tab} />}</Route>
          <Route path="/manage-accounts" component={ManageAccountsPage} />
          <Route path="/notices" component={NoticesPage} />
          <Route path="/login" component={LoginPage} />
          <Route path="/signup" component={SignUpPage} />
          <Route path="/verify-email" component={VerifyPage} />
          <Route path="/reset-password" component={ResetPage} />
          <Route path="/invite" component={InvitePage} />
          <Route path="/profile" component={ProfilePage} />
          <Route path="/account/security" component={ProfilePage} />
          <Route component={NowherePage} />
        </Switch>
      </Guard>
      <StepUp />
    </Shell>
  );
}

/** A part of an address as it was meant; as it stands if it is not an encoded one. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function NowherePage() {
  return (
    <Page title={text.shell.notFound}>
      <Empty icon="help" title={text.shell.notFoundDetail}>
        <ButtonLink href={ways.home} look="primary">
          {text.shell.home}
        </ButtonLink>
      </Empty>
    </Page>
  );
}

/** A screen that breaks leaves the others whole. */
function Guard({ children }: { children: ComponentChildren }) {
  const [broken, mend] = useErrorBoundary();
  const [path] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page may be whole
  useEffect(mend, [path]);
  if (!broken) return <>{children}</>;
  return (
    <Page title={text.shell.crashed}>
      <Button look="primary" onPress={() => location.reload()}>
        {text.shell.reload}
      </Button>
    </Page>
  );
}
