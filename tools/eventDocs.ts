import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { aggregates } from "../src/domain/aggregates.ts";
import { type EventSource, versionOf } from "../src/kernel/decider.ts";

/**
 * One JSON Schema an event, by file name: what `data` of the event's current version looks like once it is decoded.
 * `x-personal` stands beside fields that are stored encrypted under the key of their subject.
 */
export const eventDocuments = (sources: readonly EventSource[]): ReadonlyMap<string, string> =>
  new Map(
    sources.flatMap(({ category, events }) =>
      Object.entries(events).map(([name, definition]) => {
        const { $schema, ...schema } = z.toJSONSchema(definition.schema, { override: markPersonal });
        const document = {
          $schema,
          title: name,
          "x-category": category,
          "x-version": versionOf(definition),
          ...schema,
        };
        return [`${name}.json`, `${JSON.stringify(document, null, 2)}\n`];
      }),
    ),
  );

/** zod copies `personal` as it stands; the prefix keeps it out of the vocabulary of JSON Schema. */
const markPersonal = ({ jsonSchema }: { jsonSchema: Record<string, unknown> }): void => {
  const { personal } = jsonSchema;
  if (personal === undefined) return;
  delete jsonSchema["personal"];
  jsonSchema["x-personal"] = personal;
};

/** How the documents in `folder` differ from `documents`, as sentences; none when they are up to date. */
export const outdated = (folder: string, documents: ReadonlyMap<string, string>): readonly string[] => {
  const present = readdirSync(folder);
  return [
    ...[...documents].flatMap(([file, text]) => {
      if (!present.includes(file)) return [`${file} is missing`];
      return readFileSync(join(folder, file), "utf8") === text ? [] : [`${file} is not what the code says`];
    }),
    ...present.filter((file) => !documents.has(file)).map((file) => `${file} speaks of an event that does not exist`),
  ];
};

const write = (folder: string, documents: ReadonlyMap<string, string>): void => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of documents) writeFileSync(join(folder, file), text);
};

if (import.meta.main) {
  const folder = join(import.meta.dirname, "../docs/events");
  const documents = eventDocuments(aggregates);
  if (process.argv.includes("--check")) {
    const differences = outdated(folder, documents);
    for (const line of differences) process.stderr.write(`docs/events: ${line}: run npm run docs\n`);
    if (differences.length > 0) process.exitCode = 1;
  } else {
    write(folder, documents);
  }
}
