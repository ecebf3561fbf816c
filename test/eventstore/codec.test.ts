import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { eventCodec } from "../../src/eventstore/codec.ts";
import type { NewEvent, StoredEvent } from "../../src/eventstore/store.ts";
import { event, type Metadata } from "../../src/kernel/decider.ts";
import { personal } from "../../src/kernel/personal.ts";
import { newKey } from "../../src/platform/encryption.ts";
import { type KeyVault, keyVault, SubjectErased } from "../../src/platform/keyVault.ts";
import { openPool, type Pool } from "../../src/platform/postgres.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

let database: TestDatabase;
let pool: Pool;
let vault: KeyVault;

beforeAll(async () => {
  database = await testDatabase();
  const bounds = { max: 4, idleTimeoutMs: 10_000, statementTimeoutMs: 10_000 };
  pool = openPool({ url: database.url, role: "everfold_api", ...bounds, onError: () => undefined });
  vault = keyVault({ pool, masterKey: newKey() });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const ofPerson = { subject: "personId" } as const;
const Person = z.object({ personId: z.uuid() });
const events = {
  PersonMoved: event(
    Person.extend({
      address: personal(z.string(), { ...ofPerson, erased: "(erased)" }),
      floors: personal(z.array(z.int()).nullable(), { ...ofPerson, erased: null }),
      note: personal(z.string().optional(), { ...ofPerson, erased: undefined }),
      country: z.string(),
    }),
  ),
  PersonHired: event(
    Person.extend({
      workspaceId: z.uuid(),
      organizationId: z.uuid(),
      key: personal(z.string(), { ...ofPerson, scope: "workspaceId", erased: "" }),
    }),
  ),
  PersonNamed: event(
    Person.extend({ fullName: personal(z.string(), { ...ofPerson, erased: "(erased)" }), isFormal: z.boolean() }),
    ({ first, last, ...rest }) => ({ ...rest, fullName: `${first} ${last}` }),
    (older) => ({ ...older, isFormal: false }),
  ),
};

const metadataOf = (over: Partial<Metadata> = {}): Metadata => ({
  $correlationId: randomUUID(),
  $causationId: randomUUID(),
  commandId: randomUUID(),
  inputHash: "",
  actor: { kind: "user", id: randomUUID() },
  orgId: null,
  workspaceId: null,
  sessionId: null,
  ip: "203.0.113.5",
  userAgent: "a browser",
  schemaVersion: 1,
  occurredAt: "2026-01-01T00:00:00.000Z",
  ...over,
});

const eventOf = (type: keyof typeof events, data: Record<string, unknown>, metadata = metadataOf()): NewEvent => ({
  id: randomUUID(),
  type,
  data,
  metadata,
});

/** What a reader gets: the event went through JSON and through the store. */
const stored = (event: NewEvent): StoredEvent => ({
  ...JSON.parse(JSON.stringify(event)),
  stream: "person-1",
  revision: 0n,
  position: 1n,
});

const codec = () => eventCodec(vault);
const encodeOne = async (event: NewEvent) => {
  const [encoded] = await codec().encode(events, [event]);
  if (!encoded) throw new Error("one event in, one event out");
  return stored(encoded);
};
const decodeOne = async (event: StoredEvent, options?: { withOrigin: boolean }) => {
  const [decoded] = await codec().decode(events, [event], options);
  return decoded;
};
const moved = (personId = randomUUID()) => ({
  personId,
  address: "12 Rue de la Paix",
  floors: [1, 2],
  note: "",
  country: "FR",
});

describe("an event", () => {
  test("ES-02: is stored without personal data in clear, in data and in metadata, and reads as it was", async () => {
    const event = eventOf("PersonMoved", moved());
    const encoded = await encodeOne(event);
    const text = JSON.stringify([encoded.data, encoded.metadata]);
    for (const secret of ["Rue de la Paix", "203.0.113.5", "a browser"]) expect(text).not.toContain(secret);
    expect(text).toContain("FR");
    expect(await decodeOne(encoded, { withOrigin: true })).toEqual({
      ...event,
      revision: 0n,
      position: 1n,
    });
  });

  test("tells its caller's address and browser only to who asks for them", async () => {
    const encoded = await encodeOne(eventOf("PersonMoved", moved()));
    expect((await decodeOne(encoded))?.metadata).toMatchObject({ ip: null, userAgent: null });
  });

  test("does not keep the address of nobody known", async () => {
    const anonymous = metadataOf({ actor: { kind: "anonymous", id: null } });
    const encoded = await encodeOne(eventOf("PersonMoved", moved(), anonymous));
    expect(encoded.metadata).toMatchObject({ ip: null, userAgent: null });
  });

  test("that does not match its schema cannot be read", async () => {
    const encoded = await encodeOne(eventOf("PersonMoved", { ...moved(), country: 7 }));
    await expect(decodeOne(encoded)).rejects.toThrow(/country/);
  });

  test("of a type its stream does not have is an error", async () => {
    const stranger = { ...eventOf("PersonMoved", moved()), type: "toString" };
    await expect(codec().encode(events, [stranger])).rejects.toThrow(/toString/);
    await expect(codec().decode(events, [stored(stranger)])).rejects.toThrow(/toString/);
  });
});

describe("a ciphertext", () => {
  test("CRED-09: moved to another subject, field or event type does not decrypt", async () => {
    const [mine, theirs] = [moved(), moved()];
    const [first, second] = await Promise.all([mine, theirs].map((data) => encodeOne(eventOf("PersonMoved", data))));
    if (!first || !second) throw new Error("two were encoded");
    const { address, note } = first.data;
    await expect(decodeOne({ ...second, data: { ...second.data, address } })).rejects.toThrow();
    await expect(decodeOne({ ...first, data: { ...first.data, address: note } })).rejects.toThrow();
    const named = { personId: mine.personId, fullName: address, isFormal: true };
    await expect(
      decodeOne({ ...first, type: "PersonNamed", data: named, metadata: metadataOf({ schemaVersion: 3 }) }),
    ).rejects.toThrow();
  });

  test("CRED-09: moved to another workspace or organization does not decrypt", async () => {
    const data = { personId: randomUUID(), workspaceId: randomUUID(), organizationId: randomUUID(), key: "secret" };
    const encoded = await encodeOne(eventOf("PersonHired", data));
    expect((await decodeOne(encoded))?.data).toEqual(data);
    const [key] = (await vault.keysToRead([{ id: data.personId, kind: "person", scope: data.workspaceId }])).values();
    // With the key in hand: what holds it in its place is the ciphertext itself.
    const held = eventCodec({
      keysToRead: async () => new Map([[data.personId, key]]),
      keysToWrite: vault.keysToWrite,
    });
    for (const moved of [{ workspaceId: randomUUID() }, { organizationId: randomUUID() }])
      await expect(held.decode(events, [{ ...encoded, data: { ...encoded.data, ...moved } }])).rejects.toThrow();
  });
});

describe("an older version", () => {
  test("ES-02: is read as the current one, its personal data decrypted first", async () => {
    const first = { personId: randomUUID(), first: "Ada", last: "Lovelace" };
    expect((await decodeOne(stored(eventOf("PersonNamed", first))))?.data).toEqual({
      personId: first.personId,
      fullName: "Ada Lovelace",
      isFormal: false,
    });
    const second = eventOf(
      "PersonNamed",
      { personId: randomUUID(), fullName: "Ada L." },
      metadataOf({ schemaVersion: 2 }),
    );
    const encoded = await encodeOne(second);
    expect(JSON.stringify(encoded.data)).not.toContain("Ada");
    expect((await decodeOne(encoded))?.data).toEqual({ ...second.data, isFormal: false });
  });

  test("that is newer than this program is not guessed at", async () => {
    const data = { personId: randomUUID(), fullName: "Ada", isFormal: true };
    const future = stored(eventOf("PersonNamed", data, metadataOf({ schemaVersion: 4 })));
    await expect(decodeOne(future)).rejects.toThrow(/newer/);
  });
});

describe("when a subject's key is destroyed", () => {
  test("its fields read as erased, everything else stays, and nothing more is written about it", async () => {
    const data = moved();
    const metadata = metadataOf({ actor: { kind: "user", id: data.personId } });
    const encoded = await encodeOne(eventOf("PersonMoved", data, metadata));
    await vault.destroy({ id: data.personId, kind: "person" });
    const decoded = await decodeOne(encoded, { withOrigin: true });
    expect(decoded?.data).toEqual({ personId: data.personId, address: "(erased)", floors: null, country: "FR" });
    expect(decoded?.metadata).toMatchObject({ ip: null, userAgent: null, occurredAt: metadata.occurredAt });
    await expect(encodeOne(eventOf("PersonMoved", data))).rejects.toThrow(SubjectErased);
  });
});
