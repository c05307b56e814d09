/**
 * The server's time, whatever this machine's clock says: corrected by the `Date` of answers, to within a second or two.
 */
let ahead = 0;

export function learnTime(answer: Response): void {
  const told = Date.parse(answer.headers.get("Date") ?? "");
  // What is off by less than this is delay, and correcting it would make times jump.
  if (Number.isFinite(told)) ahead = Math.abs(told - Date.now()) > 3000 ? told - Date.now() : 0;
}

/** Milliseconds since 1970, by the server's clock. */
export function now(): number {
  return Date.now() + ahead;
}
