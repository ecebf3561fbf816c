import { z } from "zod";
import { derivedId } from "../kernel/ids.ts";
import { rankAmong, rankAtEnd } from "../kernel/rank.ts";
import { isRejection, type Rejection, reject } from "../kernel/rejection.ts";
import { type Fields, type Item, idName, type KeyHolding, type Resource } from "../kernel/resource.ts";
import type { BlindIndex } from "./claims.ts";
import type { Accepted, CommandContext } from "./commandContext.ts";
import { unconditional } from "./commandContext.ts";
import type { Handler } from "./handler.ts";
import { claimKey, keyClaimId, keyTaken, ReleaseKey } from "./keyClaims.ts";
import { type Operation, operation } from "./operation.ts";
import { isFor, notThere, type ResourcePermissions, resourceCommands } from "./resourceCommands.ts";
import { parentName } from "./resourceView.ts";

export type ResourceMeans = { handler: Pick<Handler, "handle" | "stateOf">; blindIndex: BlindIndex };
type Parent = Item["parent"];
type Place = { organizationId: string; workspaceId: string | null };
type Target = Place & { id: string; under: string | null };
type Outcome = Promise<Accepted<Fields> | Rejection>;

/** What may be asked for over HTTP: each looks at what is around an item, and leaves it to the item to decide. */
export const resourceOperations = (resource: Resource, permissions: ResourcePermissions, means: ResourceMeans) => {
  const commands = resourceCommands(resource, permissions);
  const { handler } = means;
  const { ids, target, body } = inputsOf(resource);
  const around = surroundings(resource, means);

  const on = <I extends z.ZodObject, A>(
    { name, permission, output }: Pick<Operation<I, A>, "name" | "permission" | "output">,
    input: z.ZodObject,
    execute: (asked: Fields, at: Target, context: CommandContext) => Promise<Accepted<A> | Rejection>,
  ) =>
    operation<z.ZodObject, A>({
      ...{ name, permission, output, input },
      execute: async (asked, context) => {
        const at = targetIn(resource, asked, context);
        if (isRejection(at)) return at;
        return execute(asked, at, { ...context, preparedFrom: asked });
      },
    });
  const underParent = async <A>(
    at: Target,
    work: () => Promise<Accepted<A> | Rejection>,
  ): Promise<Accepted<A> | Rejection> => ((await around.isHidden(at.id)) ? notThere() : work());
  const setStatus = (asked: Fields, at: Target, context: CommandContext) =>
    underParent(at, () => handler.handle(commands.setStatus, { ...at, status: String(asked["status"]) }, context));

  return {
    resource,
    permissions,
    create: on(commands.create, ids.extend(body), (asked, at, context) =>
      creation(resource, means, commands.create, asked, at, context),
    ),
    change: on(commands.change, target.extend(body), (asked, at, context) =>
      underParent(at, async () => {
        const item = await around.itemAt(at.id);
        const own = Object.fromEntries(Object.keys(resource.given).map((name) => [name, item?.fields[name]]));
        const fields = resource.fields.parse({ ...asked, ...own });
        return around.keyed({ at, item, fields, parent: item?.parent ?? null }, context, (claim) =>
          handler.handle(commands.change, { ...at, claim, fields }, context),
        );
      }),
    ),
    setStatus: on(commands.setStatus, target.extend({ status: z.enum(Object.keys(resource.statuses)) }), setStatus),
    /** The same as setting this status, by a name of its own. */
    become: (name: string, status: string) =>
      on({ ...commands.setStatus, name }, target, (asked, at, context) => setStatus({ ...asked, status }, at, context)),
    move: on(commands.move, target.extend(neighbours(resource)), (asked, at, context) =>
      underParent(at, () => movement(resource, means, commands.move, asked, at, context)),
    ),
    remove: on(commands.remove, target, (_, at, context) =>
      underParent(at, () => handler.handle(commands.remove, at, context)),
    ),
    restore: on(commands.restore, target, async (_, at, context) => {
      const item = await around.itemAt(at.id);
      if (await around.isHidden(at.id))
        return reject("conflict", "PARENT_DELETED", "What it belongs to is deleted: restore that first.");
      return around.keyed({ at, item, fields: item?.fields ?? {}, parent: item?.parent ?? null }, context, (claim) =>
        handler.handle(commands.restore, { ...at, claim }, context),
      );
    }),
  };
};
export type ResourceOperations = ReturnType<typeof resourceOperations>;

const inputsOf = (resource: Resource) => {
  const { scope, isNested, given, fields, parents } = resource;
  const parent = parentName(resource);
  const ids: z.ZodObject = z.object({
    [`${scope}Id`]: z.uuid(),
    ...(isNested && parent && { [parent]: z.uuid() }),
  });
  const target: z.ZodObject = ids.extend({ [idName(resource)]: z.uuid() });
  const told = Object.fromEntries(Object.entries(fields.shape).filter(([name]) => !(name in given)));
  return { ids: parents.length > 0 && !isNested ? ids.extend({ parentId: z.uuid() }) : ids, target, body: told };
};

/** Between which two siblings; null is an end of the list. */
const neighbours = ({ parents, isNested }: Resource) => ({
  after: z.uuid().nullable().default(null),
  before: z.uuid().nullable().default(null),
  ...(parents.length > 0 && !isNested && { parentId: z.uuid().optional() }),
});

const idIn = (asked: Fields, name: string | undefined): string | null => {
  const id = name === undefined ? undefined : asked[name];
  return typeof id === "string" ? id : null;
};

const targetIn = (resource: Resource, asked: Fields, context: CommandContext): Target | Rejection => {
  const { commandId, organizationId } = context;
  const workspaceId = resource.scope === "workspace" ? idIn(asked, "workspaceId") : null;
  if (organizationId === null) return reject("forbidden", "FORBIDDEN", "There is no active organization.");
  const under = resource.isNested ? idIn(asked, parentName(resource)) : null;
  const id =
    idIn(asked, idName(resource)) ?? derivedId(commandId, resource.kind, under ?? workspaceId ?? organizationId);
  return { id, organizationId, workspaceId, under };
};

type Keying = { at: Target; item: Item | undefined; fields: Fields; parent: Parent };

const surroundings = (resource: Resource, { handler, blindIndex }: ResourceMeans) => {
  const claimIdOf = (fields: Fields, parent: Parent, { workspaceId, organizationId }: Place): string | null => {
    const { unique } = resource;
    if (unique === undefined) return null;
    return keyClaimId(blindIndex, resource, parent?.id ?? workspaceId ?? organizationId, String(fields[unique]));
  };

  const itemAt = async (id: string): Promise<Item | undefined> => {
    const { state } = await handler.stateOf(resource.on, id);
    return state.status === "absent" ? undefined : state.item;
  };

  return {
    claimIdOf,
    itemAt,
    /** PLAN-04: below something deleted nothing is there. */
    isHidden: async (id: string): Promise<boolean> => {
      const item = await itemAt(id);
      return item !== undefined && !(await isWholePresent(handler, resource, item.parent));
    },
    /** The key is held before anything is decided about it, and given back where that is refused. */
    keyed: async (
      { at, item, fields, parent }: Keying,
      context: CommandContext,
      decide: (claim: KeyHolding | null) => Outcome,
    ): Outcome => {
      const claimId = claimIdOf(fields, parent, at);
      if (item === undefined || !isFor(item, at) || claimId === null) return decide(null);
      if (item.claim?.claimId === claimId) return decide(item.claim);
      const wanted = { claimId, holderId: at.id, organizationId: at.organizationId };
      const within = withoutInput(context);
      const held = await claimKey(handler, resource)(wanted, within);
      if (isRejection(held)) return held;
      // Of an item that was never made: it is made by whoever creates one.
      if (held.holderId !== at.id) return keyTaken(resource);
      const outcome = await decide(held.claim);
      if (isRejection(outcome)) await handler.handle(ReleaseKey, { ...wanted, ...held.claim }, afterwards(within));
      return outcome;
    },
  };
};

/** A step has an input of its own, which says what it is. */
const withoutInput = (context: CommandContext): CommandContext => {
  const { preparedFrom: _, ...step } = unconditional(context);
  return step;
};
const afterwards = (context: CommandContext) => ({ ...context, commandId: derivedId(context.commandId, "release") });

/** Whether the parent is there, and all that it belongs to. */
const isWholePresent = async (
  handler: ResourceMeans["handler"],
  { parents }: Pick<Resource, "parents">,
  parent: Parent,
): Promise<boolean> => {
  if (parent === null) return true;
  const kind = parents.find(({ kind }) => kind === parent.kind);
  if (!kind) return false;
  const { state } = await handler.stateOf(kind.on, parent.id);
  return state.status === "present" && isWholePresent(handler, kind, state.item.parent);
};

/** PLAN-05: of one of the kinds it may belong to, in the same workspace, and there. */
const parentAt = async (
  handler: ResourceMeans["handler"],
  { parents }: Resource,
  id: string | null,
  place: Place,
): Promise<Parent | Rejection> => {
  if (id === null || parents.length === 0) return null;
  for (const { kind, on } of parents) {
    const { state } = await handler.stateOf(on, id);
    const parent = { kind, id };
    if (state.status !== "present" || !isFor(state.item, { ...place, under: null })) continue;
    return (await isWholePresent(handler, { parents }, parent)) ? parent : notThere();
  }
  return reject("missing", "RESOURCE_NOT_FOUND", "There is no such parent.", {
    parentKinds: parents.map(({ kind }) => kind),
  });
};

type Commands = ReturnType<typeof resourceCommands>;

const creation = async (
  resource: Resource,
  means: ResourceMeans,
  create: Commands["create"],
  asked: Fields,
  at: Target,
  context: CommandContext,
): Outcome => {
  const { handler } = means;
  const { under, ...place } = at;
  const parent = await parentAt(handler, resource, under ?? idIn(asked, "parentId"), place);
  if (parent && isRejection(parent)) return parent;
  const fields = resource.fields.parse({ ...asked, ...resource.given });
  const claimId = surroundings(resource, means).claimIdOf(fields, parent, place);
  const created = { ...place, parent, fields, rank: rankAtEnd(context.now, at.id) };
  if (claimId === null) return handler.handle(create, { ...created, claim: null }, context);

  const wanted = { claimId, holderId: at.id, organizationId: place.organizationId };
  const held = await claimKey(handler, resource)(wanted, withoutInput(context));
  if (isRejection(held)) return held;
  const { holderId: id, claim } = held;
  const outcome = await handler.handle(create, { ...created, id, claim }, context);
  // Somebody else has made what was left unmade.
  return isRejection(outcome) && id !== at.id ? keyTaken(resource) : outcome;
};

/** PLAN-03. */
const movement = async (
  resource: Resource,
  means: ResourceMeans,
  move: Commands["move"],
  asked: Fields,
  at: Target,
  context: CommandContext,
): Outcome => {
  const { handler } = means;
  const around = surroundings(resource, means);
  const item = await around.itemAt(at.id);
  if (!item || !isFor(item, at)) return notThere();
  const wanted = idIn(asked, "parentId");
  const parent = wanted === null ? item.parent : await parentAt(handler, resource, wanted, at);
  if (parent && isRejection(parent)) return parent;

  const rankOf = async (id: string | null): Promise<string | null | Rejection> => {
    if (id === null) return null;
    const { state } = await handler.stateOf(resource.on, id);
    const isSibling = state.status === "present" && isFor(state.item, at) && state.item.parent?.id === parent?.id;
    if (isSibling && id !== at.id) return state.item.rank;
    return reject("unprocessable", "NOT_A_SIBLING", "It can only stand beside another with the same parent.");
  };
  const after = await rankOf(idIn(asked, "after"));
  if (after !== null && typeof after !== "string") return after;
  const before = await rankOf(idIn(asked, "before"));
  if (before !== null && typeof before !== "string") return before;
  const rank = rankAmong({ after, before }, { now: context.now, id: at.id });
  return around.keyed({ at, item, fields: item.fields, parent }, context, (claim) =>
    handler.handle(move, { ...at, parent, rank, claim }, context),
  );
};
