import { useEffect, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { navigate } from "wouter-preact/use-browser-location";
import { api, take } from "../api/client";
import { site } from "../api/site";
import type { AddOn } from "../api/types";
import { page, useAsked, usePages, useQuery } from "../hooks";
import { text } from "../text";
import { AddOnIcon, Badge, ButtonLink, Empty, Icon, Listed, Page } from "../ui";
import { ways } from "../ways";

const TYPING_MS = 40; // letters that come together are one search

/** Everything that there is, searched by words and by category; what is asked for stands in the address. */
export function HomePage() {
  const query = useAsked();
  const words = query.get("q") ?? "";
  const category = query.get("category");
  const found = usePages(`addons ${words} ${category}`, (cursor) =>
    take(
      api.GET("/api/catalog/v1/addons", {
        params: { query: { query: words.slice(0, 200), category, ...page(cursor, 24) } },
      }),
    ),
  );
  const product = site.value?.product_name;
  return (
    <Page title={text.home.title} heading={product ? text.home.hero(product) : undefined} lead={text.home.lead} wide>
      <div class="stack">
        <SearchBox words={words} category={category} />
        <Categories chosen={category} words={words} />
      </div>
      <section class="stack" aria-label={text.home.title}>
        {found.items && (
          <p class="soft small" role="status">
            {text.home.results(found.items.length, found.more)}
          </p>
        )}
        <Listed of={found} bones={{ count: 3 }} empty={<Nothing searched={Boolean(words || category)} />}>
          {(items) => (
            <ul class="cards">
              {items.map((one) => (
                <Card key={one.key} addon={one} />
              ))}
            </ul>
          )}
        </Listed>
      </section>
    </Page>
  );
}

function address(words: string, category: string | null): string {
  const query = new URLSearchParams();
  if (words) query.set("q", words);
  if (category) query.set("category", category);
  return query.size > 0 ? `/?${query}` : "/";
}

function SearchBox({ words, category }: { words: string; category: string | null }) {
  const [typed, setTyped] = useState(words);
  const asked = useRef(words);
  useEffect(() => {
    if (words === asked.current) return;
    asked.current = words; // by a link, or by going back
    setTyped(words);
  }, [words]);
  useEffect(() => {
    if (typed === asked.current) return;
    const timer = setTimeout(() => {
      asked.current = typed;
      navigate(address(typed, category), { replace: true });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, category]);
  return (
    <search class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        maxLength={200}
        aria-label={text.home.search}
        placeholder={text.home.search}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </search>
  );
}

function Categories({ chosen, words }: { chosen: string | null; words: string }) {
  const query = useQuery("categories", () => take(api.GET("/api/catalog/v1/categories")));
  if (!query.data?.length) return null;
  const chip = (name: string | null, label: string) => (
    <li key={label}>
      <Link class="chip" href={address(words, name)} aria-current={chosen === name ? "true" : undefined}>
        {label}
      </Link>
    </li>
  );
  return (
    <nav aria-label={text.home.categories}>
      <ul class="chips">
        {chip(null, text.home.all)}
        {query.data.map((one) => chip(one.name, one.name))}
      </ul>
    </nav>
  );
}

function Card({ addon }: { addon: AddOn }) {
  return (
    <li class="card addon-card">
      <div class="row top">
        <AddOnIcon addon={addon} />
        <div class="grow">
          <h2 class="card-title">
            <Link href={ways.addon(addon.key)} dir="auto">
              {addon.name}
            </Link>
          </h2>
          {addon.category && <p class="small soft">{addon.category}</p>}
        </div>
      </div>
      <p class="clamped" dir="auto">
        {addon.short_text}
      </p>
      <div class="row small soft">
        <span>{text.home.installs(addon.installs)}</span>
        {addon.health.status === "unavailable" && (
          <Badge tone="warn" icon="tools">
            {text.home.down}
          </Badge>
        )}
        {addon.health.status === "recovering" && <Badge tone="warn">{text.home.recovering}</Badge>}
      </div>
    </li>
  );
}

function Nothing({ searched }: { searched: boolean }) {
  if (!searched) {
    return (
      <Empty icon="search" title={text.home.nothingYet}>
        <p class="soft">{text.home.nothingYetDetail}</p>
      </Empty>
    );
  }
  return (
    <Empty icon="search" title={text.home.nothing}>
      <p class="soft">{text.home.nothingDetail}</p>
      <ButtonLink href={ways.home}>{text.home.clear}</ButtonLink>
    </Empty>
  );
}
