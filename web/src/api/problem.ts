import type { Next } from "./types";

/** Slugs of our own, for what no service could answer. */
export const OFFLINE = "offline";
export const NO_ANSWER = "no-answer";

/** One field that was refused. */
export interface FieldError {
  field: string;
  rule: string;
  message: string;
}

interface ProblemDocument {
  slug?: string;
  title?: string;
  detail?: string;
  status?: number;
  correlation_id?: string;
  screen?: string;
  next?: Next | null;
  alternatives?: Next[];
  errors?: FieldError[];
  [extension: string]: unknown;
}

/** A refusal as the API tells it (RFC 9457), or that no answer came. Compare `slug`; texts may change. */
export class Problem extends Error {
  readonly slug: string;
  readonly status: number;
  readonly detail: string;
  readonly correlationId: string;
  readonly retryAfter: number | undefined;
  readonly document: ProblemDocument;

  constructor(slug: string, status: number, document: ProblemDocument = {}, retryAfter?: number) {
    super(document.title ?? slug);
    this.slug = slug;
    this.status = status;
    this.detail = document.detail ?? "";
    this.correlationId = document.correlation_id ?? "";
    this.retryAfter = retryAfter;
    this.document = document;
  }

  static of(response: Response, body: unknown): Problem {
    const document = (typeof body === "object" && body !== null ? body : {}) as ProblemDocument;
    const after = Number(response.headers.get("Retry-After"));
    const seconds = Number.isFinite(after) && after > 0 ? after : undefined;
    return new Problem(document.slug ?? `http-${response.status}`, response.status, document, seconds);
  }

  /** Whether the same request may succeed later without anybody's doing. */
  get passes(): boolean {
    const late = this.status === 429 || this.status >= 500 || this.retryAfter !== undefined;
    return this.slug === OFFLINE || this.slug === NO_ANSWER || late;
  }

  get fields(): FieldError[] {
    return this.document.errors ?? [];
  }

  get next(): Next | undefined {
    return this.document.next ?? undefined;
  }
}

/** What was thrown, as a problem: a bug of ours stays visible as one. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return new Problem("client-error", 0, { title: thrown instanceof Error ? thrown.message : String(thrown) });
}
