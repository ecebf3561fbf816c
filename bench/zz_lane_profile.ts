import { randomUUID } from "node:crypto";
import { commandHandler } from "../src/commands/handler.ts";
import { DebitCredits } from "../src/commands/credits/debits.ts";
import { AddCredits, OpenLedger } from "../src/commands/credits/grants.ts";
import { eventCodec } from "../src/eventstore/codec.ts";
import { keyedHash, newKey } from "../src/platform/encryption.ts";
let revision = -1n;
const store: any = { append: async (_: string, events: any[]) => { for (const e of events) { Buffer.from(JSON.stringify(e.data)); Buffer.from(JSON.stringify(e.metadata)); } revision += BigInt(events.length); return { revision, position: revision }; }, read: async function* () {}, head: async () => -1n };
const memory: any = { snapshot: async () => undefined, recall: async () => new Map([["x", {}]]), keep: async () => {}, forget: async () => {} };
const key = newKey();
const codec = eventCodec({ keysToRead: async () => new Map(), keysToWrite: async (s: any[]) => new Map(s.map(({ id }) => [id, key])) } as any);
const handler = commandHandler({ store, codec, memory, categories: [], hashInput: keyedHash(newKey()), limits: { snapshotEvery: 500 } });
const context = (): any => ({ commandId: randomUUID(), requestId: randomUUID(), causationId: randomUUID(), now: new Date().toISOString(), actor: { kind: "user", id: "0b0e2a5a-8f0e-4f0e-9f0e-0b0e2a5a8f0e" }, organizationId: randomUUID(), workspaceId: null, sessionId: null, ip: "192.0.2.7", userAgent: "a test" });
const workspaceId = randomUUID();
console.log(await handler.handle(OpenLedger, { workspaceId, organizationId: randomUUID(), planType: "pro" } as any, context()));
console.log(await handler.handle(AddCredits, { workspaceId, amount: 100_000_000, description: "start" } as any, context()));
const run = async (groups: number) => {
  const start = performance.now();
  for (let g = 0; g < groups; g += 1) {
    const c = context();
    const items = Array.from({ length: 100 }, () => ({ input: { workspaceId, amount: 1, description: "row" } as any, context: { ...c, commandId: randomUUID() } }));
    await handler.handleAll(DebitCredits, items, { atomic: false });
  }
  return ((performance.now() - start) / groups / 100) * 1000;
};
await run(100);
for (let i = 0; i < 3; i += 1) console.log("µs per debit", (await run(200)).toFixed(1));
