import { useState } from "preact/hooks";

/** The add-on's picture; its first letter if it has none, or none that can be shown. */
export function AddOnIcon({
  addon,
  size = 48,
}: {
  addon: { key: string; name: string; icon_url?: string | null };
  size?: number;
}) {
  const [broken, setBroken] = useState(false);
  const letter = [...addon.name.trim()][0]?.toLocaleUpperCase() ?? "?";
  const big = size > 48 ? "big" : "";
  if (!addon.icon_url || broken) {
    return (
      <span class={`letter ${big}`} aria-hidden="true">
        {letter}
      </span>
    );
  }
  return (
    <img
      class={`addon-icon ${big}`}
      src={`/api/catalog/v1/addons/${encodeURIComponent(addon.key)}/icon`}
      alt=""
      width={size}
      height={size}
      loading="lazy"
      decoding="async"
      onError={() => setBroken(true)}
    />
  );
}
