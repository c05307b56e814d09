import { Problem } from "../api/problem";
import { text, told } from "../text";
import { ButtonLink } from "../ui/button";
import { Note, type NoteProps } from "../ui/note";
import { withQuery } from "../ways";

/** What a product's log-in has ended with, of which the address tells the slug only (S4, S6). */
export function LoginRefusal({ slug, back, ...note }: { slug: string; back: string } & Omit<NoteProps, "children">) {
  const { title, detail } = told(new Problem(slug, 403));
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
