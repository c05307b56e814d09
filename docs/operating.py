"""The page for operators."""

from docs.alerts import alerts_table, metrics_table
from shared.plumbing.doctor import KINDS

_PAGE = """# Operating

Everything here is for people with the role `operator` (`make operator EMAIL=…`) or with a shell on a machine.

## What is wrong?

`make doctor` asks every service of the local stack; anywhere else it is `python -m services.<name> doctor [--fix]`.
It prints each problem as JSON: its name, what it means, whose side it is on, the evidence, and the command that mends
it. It ends with 1 if a problem is left. `--fix` applies what is safe to do at any time.

{doctor}

## Installations

`GET /api/installer/v1/operator/overview` tells everything at once: what is pending, late, owed and unsent, and what is
in the way. `GET /api/installer/v1/operator/installations` lists the unfinished ones, the oldest first, by `state`,
`reason`, `waiting_for`, `side`, `addon`, `older_than` (seconds); `show=clean-up`, `given-up`, `failed` list those.
Each tells its age, whose side its trouble is on, and what happens next and when.

## Dead letters

A record that cannot be read or handled is set aside with its reason, and the records behind it go on. Every service
keeps its own:

    python -m services.<name> dead-letters list [--reason schema] [--topic …] [--status any]
    python -m services.<name> dead-letters show ID
    python -m services.<name> dead-letters replay ID … | --type WorkspaceChanged | --all
    python -m services.<name> dead-letters discard [ID …] --because "a stranger's test"

The same stands under `/api/<name>/v1/operator/dead-letters`. A replay runs the normal handler. It may be done at any
time, beside running consumers, and twice: one at a time has the letter, and what is older than the state ends as
`superseded` and changes nothing. What a newer release has come to know is replayed at its start. Closed letters are
kept for 180 days with who closed them, when and why. Sealed fields are not shown.

## Upgrading

Processes of two releases may run beside each other on the same topics and documents, in any order, so an upgrade
replaces one process after the other, and so does its way back. Run `topics` of the new release first, if it has new
ones. What only the new release can decide waits for it: records of unknown types are set aside and replayed by its
first process, documents of a newer schema are left to it. A release refuses settings that it does not know, such as
new fields of `AUTH_PROVIDERS`: give them once no older process is left. `make chaos` rolls back to an older release
and forward again under load.

## Metrics

Each process serves them at `/metrics` on its internal port. A gauge that is `max` is read from the database by every
worker, so all of them show the same; one that is `sum` is each process's share.

{metrics}

## Traces

With `SOUK_OTLP_ENDPOINT` each process sends its spans to an OpenTelemetry collector, as OTLP over HTTP; without it
nothing is traced. One install is one trace: the request, each record sent and handled, and each attempt of a call to
the add-on are children of the request's span, also days later. A `traceparent` that the request brought is its
parent. Records of state have none: each comes again every day. Spans tell routes, ids, outcomes and statuses; no
address, query, body or message of an exception is in them. What else can be said is said by the standard variables,
such as `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_TRACES_SAMPLER`. A collector that is away costs spans, never a request.

## Alerts

`deploy/prometheus/rules.yml` holds these for Prometheus; scrape each service as a job of its own.

{alerts}
"""


def operating_page() -> str:
    """How to see what is wrong, and what to do."""
    rows = ["| problem | side | meaning | mended by |", "|---|---|---|---|"]
    rows += [f"| `{kind.slug}` | {kind.side} | {kind.meaning} | {kind.mend} |" for kind in KINDS.values()]
    return _PAGE.format(doctor="\n".join(rows), metrics=metrics_table(), alerts=alerts_table())
