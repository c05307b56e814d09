import { Problem } from "../api/problem";
import { text, told } from "../text";
import { ButtonLink, Note, type NoteProps } from "../ui";
import { withQuery } from "../ways";

/** What a product's log-in has ended with, of which the address tells the slug only (S4, S6). */
export function LoginRefusal({ slug, back, ...note }: { slug: string; back: string } & Omit<NoteProps, "children">) {
  // The address may say anything, so only what we know is said of it.
  const { title, detail } = told(new Problem(Object.hasOwn(text.problems, slug) ? slug : "login-refused", 403));
  return (
    <Note {...note}>
      <p>
        <strong>{title}</strong>
      </p>
      {detail && <p>{detail}</p>}
      {slug === "email-not-verified" && (
        <ButtonLink href={withQuery("/verify-email", { return_to: back })}>{text.verify.resend}</ButtonLink>
      )}
    </Note>
  );
}
