import { isUtf8 } from "node:buffer";
import { z } from "zod";
import type { Content } from "./content.ts";
import type { CopiedEvent } from "./copiedEvent.ts";

/**
 * A file of events: one line of JSON each, after a line that says what the file is and before one that says what it
 * holds. Bytes that are text are written as text.
 */
const format = { format: "everfold.events", version: 1 } as const;

/** `until`: the position in the source's `$all` up to which the events go. */
export type End = Content & { until: bigint };

export const firstLine = JSON.stringify(format);
export const isFirstLine = (line: string): boolean => line === firstLine;

export const eventLine = ({ stream, revision, id, type, isJson, data, metadata, created, position }: CopiedEvent) =>
  JSON.stringify({
    stream,
    revision: revision.toString(),
    id,
    type,
    isJson,
    data: written(data),
    metadata: written(metadata),
    created,
    position: position.toString(),
  });

export const lastLine = ({ until, ...content }: End): string =>
  JSON.stringify({ end: { ...content, until: until.toString() } });

const written = (bytes: Uint8Array): Written =>
  isUtf8(bytes) ? Buffer.from(bytes).toString() : { base64: Buffer.from(bytes).toString("base64") };

const Written = z.union([z.string(), z.object({ base64: z.base64() })]);
type Written = z.output<typeof Written>;
const bytes = Written.transform((value) =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value.base64, "base64"),
);
const integer = z
  .string()
  .regex(/^-?\d+$/)
  .transform(BigInt);

const Event = z.object({
  stream: z.string().min(1),
  revision: integer,
  id: z.string(),
  type: z.string(),
  isJson: z.boolean(),
  data: bytes,
  metadata: bytes,
  created: z.string(),
  position: integer,
});
const Last = z.object({
  end: z.object({ events: z.int(), streams: z.int(), sha256: z.string(), until: integer }),
});
const Line = z.union([
  Event.transform((event) => ({ kind: "event" as const, event: event satisfies CopiedEvent })),
  Last.transform(({ end }) => ({ kind: "end" as const, end: end satisfies End })),
]);
type Line = z.output<typeof Line>;

/** Undefined for what is none. */
export const parsedLine = (line: string): Line | undefined => {
  try {
    return Line.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
};
