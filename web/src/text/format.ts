import { now } from "../api/clock";

/** The visitor's language and region, as the browser has them. The account's is for mails. */
export const locale = (): string => navigator.language;

export function number(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** Day and time of a moment (ISO 8601). */
export function moment(at: string): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

export function clockTime(at: string): string {
  return new Intl.DateTimeFormat(locale(), { timeStyle: "medium" }).format(new Date(at));
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** "in 12 seconds", "3 days ago". */
export function relative(at: string, from = now()): string {
  const seconds = Math.round((Date.parse(at) - from) / 1000);
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? (["second", 1] as const);
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

export function duration(ms: number): string {
  const seconds = ms / 1000;
  const digits = seconds < 10 ? 1 : 0;
  const style = { style: "unit", unit: "second", maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(locale(), style).format(seconds);
}

export function list(words: readonly string[]): string {
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format(words);
}
