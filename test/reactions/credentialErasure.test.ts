import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { credential } from "../../src/domain/credentials/credential.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import { noStream } from "../../src/eventstore/store.ts";
import { type KeyVault, keyVault } from "../../src/platform/keyVault.ts";
import { credentialErasure } from "../../src/reactions/credentialErasure.ts";
import { runReactions } from "../../src/reactions/runner.ts";
import { log } from "../projections/jars.ts";
import { type ReadSide, startReadSide, until } from "../projections/readSide.ts";
import { systemMetadata } from "../support/metadata.ts";

const stack = new AsyncDisposableStack();
let side: ReadSide;
let vault: KeyVault;
beforeAll(async () => {
  side = stack.use(await startReadSide());
  vault = keyVault({ pool: side.pool, masterKey: Buffer.alloc(32, 7) });
});
afterAll(() => stack.disposeAsync());

const hasKey = async (id: string): Promise<boolean> => {
  const { rows } = await side.superuser.query("select wrapped_key from vault.subject_keys where subject_id = $1", [id]);
  return rows.some(({ wrapped_key }) => wrapped_key !== null);
};
/** Counts what it has destroyed. */
const erasing = () => {
  const store = eventStoreDb({ url: side.eventStore.url });
  stack.defer(() => store.close());
  let destroyed = 0;
  const destroy: KeyVault["destroy"] = async (subject) => {
    await vault.destroy(subject);
    destroyed += 1;
  };
  const reactions = [credentialErasure({ destroy })];
  const runner = runReactions({ groups: store.groups, codec: eventCodec(vault), log, reactions });
  stack.defer(() => runner.stop());
  return { runner, groups: store.groups, destroyed: () => destroyed };
};

test("CRED-07: the key of a deleted credential is destroyed, once and again, and no other", async () => {
  const [deleted, kept] = [randomUUID(), randomUUID()];
  await vault.keysToWrite([deleted, kept].map((id) => ({ id, kind: credential.category, scope: null })));
  const data = { credentialId: deleted, workspaceId: randomUUID(), organizationId: randomUUID() };
  const event = { id: randomUUID(), type: "CredentialDeleted", data, metadata: systemMetadata() };
  await side.store.append(`credential-${deleted}`, [event], noStream);
  const { runner, groups, destroyed } = erasing();
  await until(() => destroyed() === 1);
  expect(await hasKey(deleted)).toBe(false);

  await groups.restart("credential_erasure");
  await until(() => destroyed() === 2);
  expect(runner.status().parked).toBe(0);
  expect(await hasKey(kept)).toBe(true);
});
