import { z } from "zod";
import { SealLine } from "../commands/credits/seals.ts";
import { creditLedger } from "../domain/credits/creditLedger.ts";
import { ledgerSeal, Seal } from "../domain/credits/ledgerSeal.ts";
import type { StoredEvent } from "../eventstore/store.ts";
import type { Metadata } from "../kernel/decider.ts";

/**
 * An exported ledger is NDJSON: its events, oldest first, each as it is stored, and then its seals, oldest first. Where
 * an event stands in its store (`position`) may be among its fields: it is no part of the ledger, and another one after
 * a move to another store.
 */
type ExportedEvent = {
  revision: string;
  id: string;
  type: string;
  data: StoredEvent["data"];
  metadata: Metadata;
};
export type ExportedLine = ExportedEvent | SealLine;

export const eventLine = ({ revision, id, type, data, metadata }: StoredEvent): ExportedEvent => ({
  revision: String(revision),
  ...{ id, type, data, metadata },
});

/** The events in the stream of a ledger's seals are its seals, each numbered by its place. */
export const sealLine = ({ revision, data }: StoredEvent): SealLine => {
  const { workspaceId, revision: sealed, chain, sealedAt, keyId, signature } = Seal.parse(data);
  const number = Number(revision) + 1;
  return { seal: { number, workspaceId, revision: sealed, chain, sealedAt, keyId, signature } };
};

export const ledgerStream = (workspaceId: string): string => `${creditLedger.category}-${workspaceId}`;
export const sealStream = (workspaceId: string): string => `${ledgerSeal.category}-${workspaceId}`;

const wholeNumber = z.string().regex(/^(0|[1-9]\d*)$/);
const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
const OfWorkspace = z.looseObject({ workspaceId: z.uuid() });
const EventLine = z.strictObject({
  revision: wholeNumber.transform(BigInt),
  position: wholeNumber.transform(BigInt).default(-1n),
  id: z.uuid(),
  type: z.string(),
  // Taken as they stand: a copy could lack what a schema does not see, and the chain is over all of it.
  data: z.custom<StoredEvent["data"]>((data) => OfWorkspace.safeParse(data).success),
  metadata: z.custom<Metadata>(isObject),
});
const StrictSealLine = z.strictObject({ seal: SealLine.shape.seal.strict() });

type LedgerLine = { kind: "event"; event: StoredEvent } | ({ kind: "seal" } & SealLine);

/** Undefined for what is neither. */
export const parsedLine = (text: string): LedgerLine | undefined => {
  const value = json(text);
  const event = EventLine.safeParse(value).data;
  if (event) return { kind: "event", event: { ...event, stream: ledgerStream(String(event.data["workspaceId"])) } };
  const seal = StrictSealLine.safeParse(value).data?.seal;
  return seal && { kind: "seal", seal };
};

const json = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
