import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { command } from "../kernel/decider.ts";
import { type Rejection, reject } from "../kernel/rejection.ts";
import { type Fields, type Item, KeyHolding, type Resource, type ResourceState } from "../kernel/resource.ts";
import { shownAs, viewOf } from "./resourceView.ts";

/** Where it is asked for: below another parent, or in another place, it is as absent as what never was. */
const Target = z.object({
  id: z.uuid(),
  organizationId: z.uuid(),
  workspaceId: z.uuid().nullable(),
  under: z.uuid().nullable(),
});
type Target = z.output<typeof Target>;
const Keyed = Target.extend({ claim: KeyHolding.nullable() });
const Parent = z.object({ kind: z.string(), id: z.uuid() }).nullable();
const FieldValues = z.record(z.string(), z.unknown());

export type ResourcePermissions = { read: string; write: string; remove: string };

/** All that is decided about one item, in its own stream. */
export const resourceCommands = (resource: Resource, { write, remove }: ResourcePermissions) => {
  const { noun, on, statuses } = resource;
  const shape = shapeOf(resource);
  return {
    create: creation(resource, write),
    change: command(on, {
      ...shape,
      name: `Change${noun}`,
      permission: write,
      input: Keyed.extend({ fields: FieldValues }),
      decide: ({ under, ...changes }, state) =>
        whilePresent(state, { under, ...changes }, ({ fields }) =>
          isDeepStrictEqual(fields, resource.fields.parse(changes.fields))
            ? []
            : [{ type: `${noun}Changed`, data: changes }],
        ),
    }),
    setStatus: command(on, {
      ...shape,
      name: `Set${noun}Status`,
      permission: write,
      input: Target.extend({ status: z.enum(Object.keys(statuses)) }),
      decide: ({ under, ...to }, state) =>
        whilePresent(state, { under, ...to }, ({ status: from }) => {
          if (from === to.status) return [];
          if (!statuses[from]?.includes(to.status)) return statusRefused(from, to.status);
          return [{ type: `${noun}StatusChanged`, data: to }];
        }),
    }),
    move: command(on, {
      ...shape,
      name: `Move${noun}`,
      permission: write,
      input: Keyed.extend({ parent: Parent, rank: z.string() }),
      decide: ({ under, ...to }, state) =>
        whilePresent(state, { under, ...to }, () => [{ type: `${noun}Moved`, data: to }]),
    }),
    remove: command(on, {
      ...shape,
      name: `Delete${noun}`,
      permission: remove,
      input: Target,
      output: z.null(),
      decide: ({ under, ...ids }, state) =>
        whilePresent(state, { under, ...ids }, () => [{ type: `${noun}Deleted`, data: ids }]),
      answer: () => null,
    }),
    restore: command(on, {
      ...shape,
      name: `Restore${noun}`,
      permission: remove,
      input: Keyed,
      decide: ({ under, ...restored }, state) => {
        if (state.status === "absent" || !isFor(state.item, { under, ...restored })) return notThere();
        return state.status === "present" ? [] : [{ type: `${noun}Restored`, data: restored }];
      },
    }),
  };
};

const shapeOf = (resource: Resource) => ({
  output: viewOf(resource),
  stream: ({ id }: { id: string }) => id,
  answer: ({ state, input: { id } }: { state: ResourceState; input: { id: string } }) => toldOf(resource, id, state),
});

const creation = (resource: Resource, write: string) => {
  const { noun, on, statuses } = resource;
  const [first = ""] = Object.keys(statuses);
  return command(on, {
    ...shapeOf(resource),
    name: `Create${noun}`,
    permission: write,
    input: Keyed.omit({ under: true }).extend({ parent: Parent, rank: z.string(), fields: FieldValues }),
    decide: (created, { status }, { now, actor }) => {
      if (status !== "absent") return reject("conflict", "RESOURCE_EXISTS", "This was created before.");
      const createdBy = actor.kind === "user" ? actor.id : null;
      return [{ type: `${noun}Created`, data: { ...created, status: first, createdBy, createdAt: now } }];
    },
  });
};

const toldOf = (resource: Resource, id: string, state: ResourceState): Fields => {
  if (state.status === "absent") throw new Error("what was changed is there");
  return shownAs(resource, { ...state.item, id, parentId: state.item.parent?.id ?? null });
};

const whilePresent = <Decision>(
  state: ResourceState,
  target: Omit<Target, "id">,
  decide: (item: Item) => Decision,
): Decision | Rejection => (state.status === "present" && isFor(state.item, target) ? decide(state.item) : notThere());

/** Whether it belongs where it is asked for. */
export const isFor = (
  { organizationId, workspaceId, parent }: Pick<Item, "organizationId" | "workspaceId" | "parent">,
  target: Omit<Target, "id">,
): boolean =>
  organizationId === target.organizationId &&
  workspaceId === target.workspaceId &&
  (target.under === null || parent?.id === target.under);

const statusRefused = (from: string, to: string): Rejection =>
  reject("conflict", "STATUS_TRANSITION_REFUSED", "This status cannot follow the one it has.", { from, to });

export const notThere = (): Rejection => reject("missing", "RESOURCE_NOT_FOUND", "There is no such resource.");
