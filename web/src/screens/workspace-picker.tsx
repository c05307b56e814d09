import { useEffect, useRef, useState } from "preact/hooks";
import type { Row } from "../api/types";
import { useHeard } from "../hooks";
import { text } from "../text";
import { Icon, unique } from "../ui";

interface PickerProps {
  rows: readonly Row[];
  chosen: Row | undefined;
  /** A row that cannot be taken comes here too: whoever presses it wants to know why. */
  onChoose: (row: Row) => void;
}

/**
 * The dropdown of workspaces (S11 to S15), as the combobox of the ARIA Authoring Practices: typing filters, arrows move,
 * Enter chooses. What cannot be chosen can be reached and says why; it is never taken for an install.
 */
export function WorkspacePicker({ rows, chosen, onChoose }: PickerProps) {
  const [id] = useState(unique);
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [active, setActive] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const wanted = typed.trim().toLocaleLowerCase();
  const shown = open ? rows.filter((one) => one.name.toLocaleLowerCase().includes(wanted)) : [];
  useHeard(document, "pointerdown", ({ target }) => {
    if (target instanceof Node && !box.current?.contains(target)) setOpen(false);
  });
  useEffect(() => {
    if (open) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [open, active, id]);

  const show = () => {
    setTyped("");
    setActive(
      Math.max(
        0,
        rows.findIndex((one) => one.workspace_id === chosen?.workspace_id),
      ),
    );
    setOpen(true);
  };
  const take = (row: Row | undefined) => {
    if (!row) return;
    onChoose(row);
    setOpen(false);
    input.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (!open) show();
      else setActive((at) => (at + step + shown.length) % Math.max(1, shown.length));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      take(shown[active]);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      setOpen(false);
    } else if (event.key === "Tab") {
      setOpen(false);
    }
  };
  return (
    <div class="field picker" ref={box}>
      <label for={id}>{text.install.workspace}</label>
      <div class="picker-box">
        <input
          ref={input}
          id={id}
          class="input"
          role="combobox"
          aria-expanded={open}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={open && shown.length > 0 ? `${id}-${active}` : undefined}
          autocomplete="off"
          spellcheck={false}
          placeholder={open ? text.install.filter : text.install.choose}
          value={open ? typed : (chosen?.name ?? "")}
          onClick={() => !open && show()}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setActive(0);
            setOpen(true);
          }}
          onKeyDown={onKeyDown}
        />
        <Icon name="chevron" />
      </div>
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label={text.install.workspace}
        class="options"
        hidden={!open}
        onPointerDown={(event) => event.preventDefault()}
      >
        {shown.map((row, at) => (
          <Option
            key={row.workspace_id}
            id={`${id}-${at}`}
            row={row}
            active={at === active}
            chosen={row.workspace_id === chosen?.workspace_id}
            onPress={() => take(row)}
          />
        ))}
        {open && shown.length === 0 && (
          <p class="option soft" role="status">
            {text.install.none}
          </p>
        )}
      </div>
    </div>
  );
}

interface OptionProps {
  id: string;
  row: Row;
  active: boolean;
  chosen: boolean;
  onPress: () => void;
}

function Option({ id, row, active, chosen, onPress }: OptionProps) {
  const blocker = row.blockers[0];
  return (
    // The keys are the input's, which keeps the focus.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    // biome-ignore lint/a11y/useFocusableInteractive: see above
    <div
      id={id}
      role="option"
      aria-selected={chosen}
      aria-disabled={!row.selectable}
      class={`option ${active ? "active" : ""}`}
      onClick={onPress}
    >
      <Icon
        name={chosen ? "check" : row.selectable ? "plus" : blocker === "already-installed" ? "check" : "lock"}
        size={18}
      />
      <span class="grow">
        <span class="option-name" dir="auto">
          {row.name}
        </span>
        <span class="small soft option-detail">
          {blocker
            ? [text.blockers[blocker], row.next?.plan && text.upgradeTo(row.next.plan)].filter(Boolean).join(". ")
            : row.will_wait
              ? text.willWait
              : [row.product, row.region, row.plan].filter(Boolean).join(" · ")}
        </span>
      </span>
    </div>
  );
}
