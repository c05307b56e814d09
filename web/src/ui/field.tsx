import { useEffect, useState } from "preact/hooks";
import type { FieldError } from "../api/problem";
import { text } from "../text";
import { Icon } from "./icon";

let made = 0;
/** A name for an element that another names. The library's own may come twice in a page. */
export const unique = () => `id-${++made}`;

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "email" | "password" | "search";
  name?: string;
  hint?: string;
  /** Refusals of the services; those of the field of this name are shown here. */
  errors?: FieldError[] | undefined;
  required?: boolean;
  autocomplete?: string;
  inputMode?: "numeric" | "text";
  maxLength?: number;
  autofocus?: boolean;
  long?: boolean;
}

export function Field(props: FieldProps) {
  const [id] = useState(unique);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as it comes, also into a dialog that is open
  useEffect(() => {
    if (props.autofocus) document.getElementById(id)?.focus();
  }, []);
  const refused = props.errors?.find((one) => one.field.split(".").pop() === props.name);
  const found = refused && (text.rules[refused.rule] ?? refused.message);
  const described = [props.hint && `${id}-hint`, found && `${id}-error`].filter(Boolean).join(" ");
  const shared = {
    id,
    class: "input",
    value: props.value,
    name: props.name,
    required: props.required,
    maxLength: props.maxLength,
    "aria-describedby": described || undefined,
    "aria-invalid": found ? true : undefined,
  };
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.long ? (
        <textarea {...shared} onInput={(event) => props.onInput(event.currentTarget.value)} />
      ) : (
        <input
          {...shared}
          type={props.type ?? "text"}
          autocomplete={props.autocomplete ?? "off"}
          inputMode={props.inputMode ?? "text"}
          spellcheck={false}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      )}
      {props.hint && <p id={`${id}-hint`} class="small soft" children={props.hint} />}
      {found && (
        <p id={`${id}-error`} class="error row">
          <Icon name="alert" size={16} />
          <span class="grow">{found}</span>
        </p>
      )}
    </div>
  );
}

type AddressProps = Pick<FieldProps, "value" | "onInput" | "errors"> & { label?: string; autocomplete?: string };

export function EmailField({ label = text.login.email, autocomplete = "email", ...given }: AddressProps) {
  return <Field {...given} label={label} name="email" type="email" autocomplete={autocomplete} required />;
}

type SecretProps = Pick<FieldProps, "value" | "onInput" | "errors" | "name"> & { label?: string };

/** The present password, or a `fresh` one that is to be it. */
export function PasswordField({ fresh, label = text.login.password, ...given }: SecretProps & { fresh?: boolean }) {
  const kind = fresh
    ? { autocomplete: "new-password", hint: text.signUp.passwordHint }
    : { autocomplete: "current-password" };
  return <Field name="password" required {...given} {...kind} label={label} type="password" />;
}

interface ChoiceProps<V extends string> {
  label: string;
  value: V;
  options: readonly { value: V; text: string }[];
  onChange: (value: V) => void;
  hint?: string;
}

export function Choice<V extends string>({ label, value, options, onChange, hint }: ChoiceProps<V>) {
  const [id] = useState(unique);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        class="input"
        value={value}
        aria-describedby={hint && `${id}-hint`}
        onChange={(event) => onChange(event.currentTarget.value as V)}
      >
        {options.map((one) => (
          <option key={one.value} value={one.value}>
            {one.text}
          </option>
        ))}
      </select>
      {hint && <p id={`${id}-hint`} class="small soft" children={hint} />}
    </div>
  );
}

export function Check(props: { label: string; checked: boolean; onChange: (on: boolean) => void; required?: boolean }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        required={props.required}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}
