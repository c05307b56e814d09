// Types of the public API, from the documents that the services publish. Not committed: what is made at each build
// cannot be stale, and a client that asks for something that is gone does not compile.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const here = new URL("..", import.meta.url);
await mkdir(new URL("generated/", here), { recursive: true });
for (const service of ["auth", "catalog", "installer", "notifier"]) {
  const document = JSON.parse(await readFile(new URL(`../docs/openapi/${service}.json`, here), "utf8"));
  const types = astToString(await openapiTS(document, { defaultNonNullable: false }));
  await writeFile(new URL(`generated/${service}.d.ts`, here), types);
}
