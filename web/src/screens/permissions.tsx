import { text } from "../text";
import { permissions } from "../text/scopes";
import { Icon } from "../ui";

/** What an add-on may see and change. */
export function Permissions({ scopes }: { scopes: readonly string[] }) {
  const all = permissions(scopes);
  if (all.length === 0) return <p class="soft">{text.addon.noPermissions}</p>;
  return (
    <ul class="permissions">
      {all.map((one) => (
        <li key={one.key} class="row top">
          <Icon name={one.changes ? "tools" : "check"} size={18} />
          <span class="grow">{one.words}</span>
        </li>
      ))}
    </ul>
  );
}
