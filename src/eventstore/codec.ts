import { LRUCache } from "lru-cache";
import {
  type EventDef,
  type EventDefs,
  type EventOf,
  type Metadata,
  type Recorded,
  versionOf,
} from "../kernel/decider.ts";
import { type PersonalMark, personalFields } from "../kernel/personal.ts";
import { decrypt, encrypt, isCiphertext } from "../platform/encryption.ts";
import type { KeyVault } from "../platform/keyVault.ts";
import type { Subject } from "../platform/wrappedKeys.ts";
import type { NewEvent, StoredEvent } from "./store.ts";

/** Between events as the domain means them and events as the store holds them. */
export type Codec = {
  /** `events`: already checked against their schemas, everything in clear. Throws `SubjectErased`. */
  encode(defs: EventDefs, events: readonly NewEvent[]): Promise<NewEvent[]>;
  /**
   * To the current version, checked, decrypted; what is erased has the value its mark names. Where the actor's address
   * and user agent are not asked for they are null: hardly a reader needs them, and each costs a decryption.
   */
  decode<D extends EventDefs>(
    defs: D,
    events: readonly StoredEvent[],
    options?: { withOrigin: boolean },
  ): Promise<Recorded<EventOf<D>>[]>;
  /** Where each of these came from, who have their addresses and user agents as events' metadata stores them. */
  origins(stored: readonly StoredOrigin[]): Promise<Origin[]>;
};

type Keys = ReadonlyMap<string, Uint8Array | undefined>;
type Data = Readonly<Record<string, unknown>>;
type Origin = Pick<Metadata, "ip" | "userAgent">;
type StoredOrigin = Origin & Pick<Metadata, "actor">;

const originsMax = 10_000;
const originTtlMs = 60_000;

export const eventCodec = (vault: Pick<KeyVault, "keysToRead" | "keysToWrite">): Codec => {
  /** One encryption for all that an actor does from one place within a minute: a hot ledger's events need no other. */
  const origins = new LRUCache<string, Origin>({ max: originsMax, ttl: originTtlMs });

  return {
    async encode(defs, events) {
      const plans = events.map((event) => ({ event, marks: marksOf(defOf(defs, event.type)) }));
      const subjects = plans.flatMap(({ event: { data, metadata }, marks }) => [
        ...subjectsOf(data, marks, (value) => value !== undefined),
        ...(origins.has(originKey(metadata)) ? [] : actorOf(metadata)),
      ]);
      const keys = await keysFor(subjects, vault.keysToWrite);
      return plans.map(({ event, marks }) => ({
        ...event,
        data: encryptedData(event, marks, keys),
        metadata: { ...event.metadata, ...encryptedOrigin(event.metadata, keys, origins) },
      }));
    },

    async decode<D extends EventDefs>(defs: D, events: readonly StoredEvent[], { withOrigin } = { withOrigin: false }) {
      const plans = events.map((event) => ({ event, def: defOf(defs, event.type) }));
      const subjects = plans.flatMap(({ event: { data, metadata }, def }) => [
        ...subjectsOf(data, marksOf(def), isCiphertext),
        ...(withOrigin ? actorOf(metadata) : []),
      ]);
      const keys = await keysFor(subjects, vault.keysToRead);
      return plans.map(({ event, def }) => {
        const { id, type, revision, position } = event;
        const metadata = { ...event.metadata, ...(withOrigin ? decryptedOrigin(event.metadata, keys) : noOrigin) };
        const recorded = { type, data: currentData(event, def, keys), id, revision, position, metadata };
        // The schema of this very type has just been applied: the compiler cannot follow the type by its name.
        return recorded as unknown as Recorded<EventOf<D>>;
      });
    },

    async origins(stored) {
      const keys = await keysFor(stored.flatMap(actorOf), vault.keysToRead);
      return stored.map((each) => decryptedOrigin(each, keys));
    },
  };
};

const noOrigin: Origin = { ip: null, userAgent: null };

const keysFor = async (subjects: readonly Subject[], ask: (distinct: Subject[]) => Promise<Keys>): Promise<Keys> =>
  subjects.length === 0 ? noKeys : ask([...new Map(subjects.map((subject) => [subject.id, subject])).values()]);
const noKeys: Keys = new Map();

const defOf = (defs: EventDefs, type: string): EventDef => {
  const def = Object.hasOwn(defs, type) ? defs[type] : undefined;
  if (!def) throw new Error(`an event of type ${type} is not among those of its stream`);
  return def;
};

const marksByDef = new WeakMap<EventDef, ReadonlyMap<string, PersonalMark>>();
export const marksOf = (def: EventDef): ReadonlyMap<string, PersonalMark> => {
  const known = marksByDef.get(def);
  if (known) return known;
  const marks = personalFields(def.schema);
  marksByDef.set(def, marks);
  return marks;
};

const subjectsOf = (
  data: Data,
  marks: ReadonlyMap<string, PersonalMark>,
  isConcerned: (value: unknown) => boolean,
): Subject[] => [...marks].flatMap(([field, mark]) => (isConcerned(data[field]) ? [subjectOf(data, mark)] : []));

export const subjectOf = (data: Data, { subject, scope }: PersonalMark): Subject => ({
  id: idIn(data, subject),
  kind: subject.replace(/Id$/, ""),
  scope: scope === undefined ? null : idIn(data, scope),
});

const idIn = (data: Data, field: string): string => {
  const id = data[field];
  if (typeof id !== "string") throw new Error(`an event with personal data has no ${field} to say whose it is`);
  return id;
};

/** A ciphertext moved to another subject, scope, organization, event type or field cannot be decrypted there. */
export const aadOf = (
  { id, scope }: Subject,
  { data, type }: Pick<StoredEvent, "data" | "type">,
  field: string,
): string => JSON.stringify([id, scope, data["organizationId"] ?? null, type, field]);

/** Not its organization: one person's address and browser are encrypted once for wherever they act. */
const originAad = (actorId: string, field: keyof Origin): string => JSON.stringify([actorId, "metadata", field]);

const encryptedData = (event: NewEvent, marks: ReadonlyMap<string, PersonalMark>, keys: Keys): Data => {
  const { data } = event;
  if (marks.size === 0) return data;
  const encrypted: Record<string, unknown> = { ...data };
  for (const [field, mark] of marks) {
    if (data[field] === undefined) continue;
    const subject = subjectOf(data, mark);
    encrypted[field] = encrypt(plaintextOf(data[field]), keyOf(keys, subject.id), aadOf(subject, event, field));
  }
  return encrypted;
};

/** Text as it is, since JSON could make it six times as long; everything else as JSON. The first letter says which. */
const plaintextOf = (value: unknown): string => (typeof value === "string" ? `t${value}` : `j${JSON.stringify(value)}`);
export const originalOf = (plaintext: string): unknown =>
  plaintext.startsWith("t") ? plaintext.slice(1) : JSON.parse(plaintext.slice(1));

const keyOf = (keys: Keys, id: string): Uint8Array => {
  const key = keys.get(id);
  if (!key) throw new Error(`the vault gave no key for ${id}`);
  return key;
};

/** Decryption comes before upcasting, so that an upcaster sees what people meant; a field's name never changes. */
const currentData = (event: StoredEvent, def: EventDef, keys: Keys): Data => {
  const { type, metadata } = event;
  const { schemaVersion } = metadata;
  if (schemaVersion > versionOf(def)) throw new Error(`${type} version ${schemaVersion} is newer than this program`);
  const clear = decryptedData(event, marksOf(def), keys);
  return def.schema.parse(def.upcasts.slice(schemaVersion - 1).reduce((older: Data, upcast) => upcast(older), clear));
};

const decryptedData = (event: StoredEvent, marks: ReadonlyMap<string, PersonalMark>, keys: Keys): Data => {
  const { data } = event;
  if (marks.size === 0) return data;
  const clear: Record<string, unknown> = { ...data };
  for (const [field, mark] of marks) {
    const value = data[field];
    // A field that became personal in a later version is in clear in the events before it.
    if (!isCiphertext(value)) continue;
    const subject = subjectOf(data, mark);
    const key = keys.get(subject.id);
    clear[field] = key ? originalOf(decrypt(value, key, aadOf(subject, event, field))) : mark.erased;
  }
  return clear;
};

/**
 * Where somebody was is data about that person; where nobody known was is not kept at all. Who was refused has proved
 * nothing: they have the id of the account that they tried, or that of the log they are noted in.
 */
const actorOf = ({ actor, ip, userAgent }: StoredOrigin): Subject[] =>
  (actor.kind === "user" || actor.kind === "anonymous") && actor.id !== null && (ip !== null || userAgent !== null)
    ? [{ id: actor.id, kind: actor.kind === "user" ? "user" : "visitor", scope: null }]
    : [];

const originKey = ({ actor, ip, userAgent }: StoredOrigin): string => JSON.stringify([actor.id, ip, userAgent]);

const encryptedOrigin = (metadata: Metadata, keys: Keys, origins: LRUCache<string, Origin>): Origin => {
  const [actor] = actorOf(metadata);
  if (!actor) return noOrigin;
  const cacheKey = originKey(metadata);
  const known = origins.get(cacheKey);
  if (known) return known;
  const key = keyOf(keys, actor.id);
  const seal = (field: keyof Origin) => {
    const value = metadata[field];
    return value === null ? null : encrypt(value, key, originAad(actor.id, field));
  };
  const origin = { ip: seal("ip"), userAgent: seal("userAgent") };
  origins.set(cacheKey, origin);
  return origin;
};

const decryptedOrigin = (metadata: StoredOrigin, keys: Keys): Origin => {
  const [actor] = actorOf(metadata);
  const key = actor && keys.get(actor.id);
  if (!key) return noOrigin;
  const open = (field: keyof Origin) => {
    const value = metadata[field];
    return isCiphertext(value) ? decrypt(value, key, originAad(actor.id, field)) : null;
  };
  return { ip: open("ip"), userAgent: open("userAgent") };
};
