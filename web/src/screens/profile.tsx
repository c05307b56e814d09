import { useEffect } from "preact/hooks";
import { session } from "../api/session";
import { useAsked } from "../hooks";
import { text } from "../text";
import { Bones, Page } from "../ui";
import { wayBack } from "../ways";
import { NeedsLogin } from "./needs-login";
import { AccountSection } from "./profile-account";
import { DataSection, SecurityLog } from "./profile-data";
import { SessionsSection } from "./profile-sessions";
import { TokensSection } from "./profile-tokens";
import { TwoFactorSection } from "./profile-two-factor";

/** Everything about the visitor's own account. Links lead to its parts by their names. */
export function ProfilePage() {
  const back = wayBack(useAsked());
  const known = session.value;
  const there = known.is === "somebody";
  useEffect(() => {
    const wanted = location.pathname === "/account/security" ? "security-log" : location.hash.slice(1);
    if (there && wanted) document.getElementById(wanted)?.scrollIntoView();
  }, [there]);
  if (known.is === "nobody") return <NeedsLogin />;
  return (
    <Page title={text.profile.title} back={back ? { href: back, text: text.profile.wayBack } : undefined}>
      {known.is === "somebody" ? (
        <>
          <TwoFactorSection user={known.user} back={back} />
          <AccountSection user={known.user} />
          <SessionsSection />
          <TokensSection />
          <SecurityLog />
          <DataSection email={known.user.email} />
        </>
      ) : (
        <Bones />
      )}
    </Page>
  );
}
