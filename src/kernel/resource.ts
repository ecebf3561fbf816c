import { z } from "zod";
import { type Aggregate, type EventDef, type EventDefs, event } from "./decider.ts";

/**
 * A kind of thing that tenants create, change, order, delete and restore, and that has no rules beyond these. All of it
 * follows from its definition: events and state here, and from them commands, rows, reads and routes.
 */
type Definition<N extends string, F extends z.ZodObject, O extends boolean> = {
  /** As in the names of its events and commands: `ProductBrief`. */
  noun: N;
  scope: "organization" | "workspace";
  /** What its users say of it. */
  fields: F;
  /** Of these fields: what only the system sets, with what it begins with. */
  given?: Partial<z.output<F>>;
  /** The field whose value no other of this kind has under the same parent. */
  unique?: keyof z.output<F> & string;
  /** Each status with those that may follow it; the first is the one to begin with. */
  statuses: Readonly<Record<string, readonly string[]>>;
  /** Every one of these kinds has one parent, of one of these. */
  parents?: readonly Resource[];
  /** It is found below its parent, and stays there. */
  isNested?: boolean;
  /** Its users say in which order it stands among its siblings. */
  isOrdered?: O;
  /** For the documentation. */
  example: z.output<F>;
};

export const KeyHolding = z.object({ claimId: z.uuid(), claiming: z.uuid() });
export type KeyHolding = z.output<typeof KeyHolding>;

const Parent = z.object({ kind: z.string(), id: z.uuid() });
const Rank = z.string().regex(/^[0-9A-Za-z]+$/);
const Place = z.object({ id: z.uuid(), organizationId: z.uuid(), workspaceId: z.uuid().nullable() });
const Keyed = z.object({ claim: KeyHolding.nullable() });

const happeningsOf = <F extends z.ZodObject>(fields: F, statuses: readonly string[]) => ({
  Created: Place.extend({
    parent: Parent.nullable(),
    rank: Rank,
    status: z.enum(statuses),
    claim: KeyHolding.nullable(),
    createdBy: z.uuid().nullable(),
    createdAt: z.iso.datetime(),
    fields,
  }),
  Changed: Place.extend({ ...Keyed.shape, fields }),
  StatusChanged: Place.extend({ status: z.enum(statuses) }),
  Moved: Place.extend({ ...Keyed.shape, parent: Parent.nullable(), rank: Rank }),
  Deleted: Place,
  Restored: Place.extend(Keyed.shape),
});
type Happenings<F extends z.ZodObject> = ReturnType<typeof happeningsOf<F>>;
type Happening = keyof Happenings<z.ZodObject>;
/** What an event of any kind says. */
export type Happened<H extends Happening> = z.output<Happenings<z.ZodObject>[H]>;

type ResourceEvents<N extends string, F extends z.ZodObject, O extends boolean> = {
  [H in O extends true ? Happening : Exclude<Happening, "Moved"> as `${N}${H}`]: EventDef<Happenings<F>[H]>;
};

export type Fields = Readonly<Record<string, unknown>>;
export type Item = Omit<Happened<"Created">, "id"> & {
  /** Which claims of keys it has let go of: others may have these keys. */
  lettingGo: readonly string[];
};
/** Of a deleted item all is kept: it can be restored. */
export type ResourceState = { status: "absent" } | { status: "present" | "deleted"; item: Item };

/** Of any kind. Here its events are widened to what they have in common; its schemas check each of them. */
export type Resource = Omit<Definition<string, z.ZodObject, boolean>, "given" | "unique" | "parents" | "example"> & {
  kind: string;
  given: Fields;
  unique: string | undefined;
  parents: readonly Resource[];
  example: Fields;
  on: Aggregate<EventDefs, ResourceState>;
};

export const resource = <const N extends string, F extends z.ZodObject, const O extends boolean = false>(
  definition: Definition<N, F, O>,
): Resource & { fields: F; aggregate: Aggregate<ResourceEvents<N, F, O>, ResourceState> } => {
  const { noun, fields, statuses, given = {}, parents = [], unique, isOrdered = false } = definition;
  const isKnown = ([happening]: readonly [string, unknown]) => isOrdered || happening !== "Moved";
  const kind = noun.replaceAll(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  const happenings = Object.entries(happeningsOf(fields, Object.keys(statuses))).filter(isKnown);
  const on: Resource["on"] = {
    category: kind,
    events: Object.fromEntries(happenings.map(([happening, schema]) => [`${noun}${happening}`, event(schema)])),
    initial: { status: "absent" },
    evolve: Object.fromEntries(
      Object.entries(evolve)
        .filter(isKnown)
        .map(([happening, change]) => [
          `${noun}${happening}`,
          // The schema under the same name has checked the data.
          (state: ResourceState, data: unknown) => change(state, data as never),
        ]),
    ),
  };
  const aggregate = on as unknown as Aggregate<ResourceEvents<N, F, O>, ResourceState>;
  return { ...definition, kind, given, parents, unique, on, aggregate };
};

const evolve: { [H in Happening]: (state: ResourceState, data: Happened<H>) => ResourceState } = {
  Created: (_, { id: __, ...item }) => ({ status: "present", item: { ...item, lettingGo: [] } }),
  Changed: (state, { fields, claim }) => changed(state, (item) => ({ ...keyed(item, claim), fields })),
  StatusChanged: (state, { status }) => changed(state, (item) => ({ ...item, status })),
  Moved: (state, { parent, rank, claim }) => changed(state, (item) => ({ ...keyed(item, claim), parent, rank })),
  Deleted: (state) => (state.status === "absent" ? state : { status: "deleted", item: keyed(state.item, null) }),
  Restored: (state, { claim }) =>
    state.status === "absent" ? state : { status: "present", item: keyed(state.item, claim) },
};

const changed = (state: ResourceState, change: (item: Item) => Item): ResourceState =>
  state.status === "absent" ? state : { ...state, item: change(state.item) };

const keyed = (item: Item, claim: KeyHolding | null): Item =>
  item.claim === null || item.claim.claiming === claim?.claiming
    ? { ...item, claim }
    : { ...item, claim, lettingGo: [...item.lettingGo, item.claim.claiming] };

/** What `id`s are called where several kinds meet: `productBriefId`. */
export const idName = ({ noun }: Pick<Resource, "noun">): string => `${noun.charAt(0).toLowerCase()}${noun.slice(1)}Id`;
