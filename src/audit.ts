import { parseArgs } from "node:util";
import { z } from "zod";
import { type CreditLedger, creditLedger } from "./domain/credits/creditLedger.ts";
import { canonical, verifyChain } from "./eventstore/chain.ts";
import { eventCodec } from "./eventstore/codec.ts";
import type { StoredEvent } from "./eventstore/store.ts";
import { linesOf, linesOfFile } from "./eventstore/textLines.ts";
import { fold, type Metadata } from "./kernel/decider.ts";

const usage = "Usage: npm run audit -- verify <file.ndjson | ->     a ledger's events as exported, oldest first\n";

const revisionOf = z.string().regex(/^\d+$/).transform(BigInt);
/** A line of `GET /workspaces/:id/billing/events`. */
const Line = z.object({
  revision: revisionOf,
  position: revisionOf,
  id: z.uuid(),
  type: z.string(),
  data: z.looseObject({ workspaceId: z.uuid() }),
  metadata: z.custom<Metadata>((value) => typeof value === "object" && value !== null),
});

/** Ledgers hold no personal data, so whoever has the file can read all of it: no key is asked for. */
const noKeys = (): never => {
  throw new Error("a ledger's events hold no personal data");
};
const codec = eventCodec({
  keysToRead: async (subjects) => (subjects.length > 0 ? noKeys() : new Map()),
  keysToWrite: noKeys,
});

/** A file that is no ledger at all: whoever reads the report need not know what a stack is. */
class NoLedger extends Error {}

async function* exported(file: string): AsyncGenerator<StoredEvent & { data: { workspaceId: string } }> {
  for await (const { text, number } of file === "-" ? linesOf(process.stdin) : linesOfFile(file)) {
    if (text.trim() === "") continue;
    const event = parsed(text);
    if (event === undefined) throw new NoLedger(`Line ${number} is no event of a ledger.`);
    yield { ...event, stream: `${creditLedger.category}-${event.data.workspaceId}` };
  }
}

const parsed = (line: string): z.output<typeof Line> | undefined => {
  try {
    const event = Line.parse(JSON.parse(line));
    // Throws on half a character, which no event ever held.
    canonical(event.data);
    return event;
  } catch {
    return undefined;
  }
};

/** Follows the chain and recomputes the balance in one pass, so that a ledger of any length fits. */
const verify = async (file: string): Promise<{ isIntact: boolean; report: string }> => {
  const events = exported(file);
  const first = await events.next();
  if (first.done) return { isIntact: false, report: "There are no events in it." };

  let ledger: CreditLedger = creditLedger.initial;
  let lowest = 0;
  async function* recomputed(): AsyncGenerator<StoredEvent> {
    for (let next = first; !next.done; next = await events.next()) {
      yield next.value;
      // Gone on with only when the chain holds so far: what was tampered with may be no event that can be decoded.
      ledger = fold(creditLedger, await codec.decode(creditLedger.events, [next.value]), ledger);
      if (ledger.status === "open") lowest = Math.min(lowest, ledger.balance);
    }
  }
  const { workspaceId } = first.value.data;
  const verdict = await verifyChain(workspaceId, recomputed());
  if (!verdict.isIntact) return { isIntact: false, report: `The chain is broken at revision ${verdict.brokenAt}.` };
  if (lowest < 0) return { isIntact: false, report: `The balance was ${lowest} at its lowest.` };
  const balance = ledger.status === "open" ? ledger.balance : 0;
  const count = verdict.revision + 1n;
  return { isIntact: true, report: `${count} events of ${workspaceId}, chain intact, balance ${balance} credits.` };
};

const audit = async (args: string[]): Promise<number> => {
  const { positionals } = parseArgs({ args, allowPositionals: true, strict: false });
  const [action, file, ...others] = positionals;
  if (action !== "verify" || file === undefined || positionals.length < args.length || others.length > 0) {
    process.stderr.write(usage);
    return 2;
  }
  try {
    const { isIntact, report } = await verify(file);
    process.stdout.write(`${report}\n`);
    return isIntact ? 0 : 1;
  } catch (error) {
    if (error instanceof NoLedger) {
      process.stdout.write(`${error.message}\n`);
      return 1;
    }
    if (!(error instanceof Error && "code" in error)) throw error;
    process.stderr.write(`${file} cannot be read: ${error.message}\n`);
    return 2;
  }
};

process.exitCode = await audit(process.argv.slice(2));
