import { z } from "zod";
import type { ResourceOperations } from "../commands/resourceOperations.ts";
import { parentName, shownAs, viewOf } from "../commands/resourceView.ts";
import { reject } from "../kernel/rejection.ts";
import { type Fields, idName, type Resource } from "../kernel/resource.ts";
import type { Transaction } from "../platform/postgres.ts";
import { type ResourceReadModel, resourceById, resourcesOf, type Sought } from "../projections/resources.ts";
import type { App } from "./binder.ts";
import { refused } from "./errors.ts";
import { exampleIds, exampleTime } from "./examples.ts";

/** Two kinds' ids are told apart by their names alone. */
const exampleItem = "e3a5c7d9-1b2d-4f60-8a7c-5e9d1f3b7c70";
const exampleParent = "a1c3e5d7-9f0b-4d2c-b6a8-4c8e0d2f6b80";

type Options = {
  /** Where all of them are found. */
  path: string;
  rows: ResourceReadModel;
  /** Of what is found below its parent: where that is looked for. */
  parentRows?: ResourceReadModel;
};

/** What every kind has. */
export const resourceRoutes = (app: App, operations: ResourceOperations, { path, rows, parentRows }: Options): void => {
  const { resource, permissions, create } = operations;
  const example = exampleOf(resource);
  const view = viewOf(resource).extend({
    position: z.int().min(0).describe("Among those with the same parent, from 0 on"),
    updatedAt: z.iso.datetime(),
  });
  const seen = { ...example.told, position: 0, updatedAt: exampleTime };
  const read = { permission: permissions.read, from: parentRows ? [rows, parentRows] : [rows], output: view };

  app.command("POST", path, create, {
    status: 201,
    hasRevision: true,
    example: { params: example.place, body: { ...example.parent, ...example.body }, data: example.told },
  });
  app.list(path, {
    ...read,
    name: `List${resource.noun}s`.replace(/ys$/, "ies"),
    query: {
      ...(resource.isNested || resource.parents.length === 0 ? {} : { parentId: z.uuid().optional() }),
      status: z.enum(Object.keys(resource.statuses)).optional(),
    },
    example: { params: example.place, data: seen },
    load: async (transaction, { params, query, access }) => {
      const sought = soughtIn(resource, params, access.organizationId);
      await parentMustBeThere(transaction, resource, sought, parentRows);
      const asked: Fields = query;
      const given = { ...sought, ...textsIn(asked, "parentId", "status") };
      const found = await resourcesOf(transaction, rows, given, query);
      return { ...found, rows: found.rows.map((row) => seenAs(resource, row)) };
    },
  });
  app.query(`${path}/:${idName(resource)}`, {
    ...read,
    name: `Get${resource.noun}`,
    example: { params: example.own, data: seen },
    load: async (transaction, { params, access }) => {
      const sought = soughtIn(resource, params, access.organizationId);
      await parentMustBeThere(transaction, resource, sought, parentRows);
      const named: Readonly<Record<string, string>> = params;
      const row = await resourceById(transaction, rows, { ...sought, id: named[idName(resource)] ?? "" });
      return row ? { ...seenAs(resource, row), revision: row.revision } : null;
    },
  });
};

/** What can be said of it, undone and done again, once it is there. */
export const editingRoutes = (app: App, operations: ResourceOperations, { path }: Pick<Options, "path">): void => {
  const { resource, change, setStatus, move, remove, restore } = operations;
  const example = exampleOf(resource);
  const [first = "", ...others] = Object.keys(resource.statuses);
  const next = resource.statuses[first]?.[0] ?? others[0] ?? first;
  const one = `${path}/:${idName(resource)}`;
  const params = example.own;
  const told = { hasRevision: true, example: { params, data: example.told } } as const;

  app.command("PUT", one, change, { ...told, example: { ...told.example, body: example.body } });
  app.command("PUT", `${one}/status`, setStatus, {
    hasRevision: true,
    example: { params, body: { status: next }, data: { ...example.told, status: next } },
  });
  if (resource.isOrdered)
    app.command("POST", `${one}/reorder`, move, {
      ...told,
      example: { ...told.example, body: { after: null, before: null } },
    });
  app.command("DELETE", one, remove, { hasRevision: true, example: { params, data: null } });
  app.command("POST", `${one}/restore`, restore, told);
};

export const exampleOf = (resource: Resource) => {
  const { scope, isNested, given, example } = resource;
  const parent = parentName(resource);
  const [statusFirst = ""] = Object.keys(resource.statuses);
  const under = parent && { [parent]: exampleParent };
  const place = {
    [`${scope}Id`]: scope === "workspace" ? exampleIds.workspace : exampleIds.organization,
    ...(isNested && under),
  };
  const told = shownAs(resource, {
    id: exampleItem,
    organizationId: exampleIds.organization,
    workspaceId: exampleIds.workspace,
    parentId: exampleParent,
    status: statusFirst,
    fields: example,
    createdBy: exampleIds.user,
    createdAt: exampleTime,
  });
  const body = Object.fromEntries(Object.entries(example).filter(([name]) => !(name in given)));
  return { place, own: { ...place, [idName(resource)]: exampleItem }, parent: isNested ? {} : under, body, told };
};

type Row = Parameters<typeof shownAs>[1] & { position: number; updatedAt: string };

const seenAs = (resource: Resource, row: Row): Fields => ({
  ...shownAs(resource, row),
  position: row.position,
  updatedAt: row.updatedAt,
});

/** The place was checked with the caller's right to it; below a parent it is that parent's. */
const soughtIn = (
  resource: Resource,
  params: Readonly<Record<string, string>>,
  organizationId: string | null,
): Sought => ({
  organizationId: organizationId ?? "",
  workspaceId: params["workspaceId"] ?? null,
  kind: resource.kind,
  parentId: resource.isNested ? (params[parentName(resource) ?? ""] ?? null) : null,
});

const textsIn = (query: Fields, ...names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = query[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );

const parentMustBeThere = async (
  read: Transaction,
  { parents }: Resource,
  { parentId, ...sought }: Sought,
  rows: ResourceReadModel | undefined,
): Promise<void> => {
  const [parent] = parents;
  if (!rows || !parent || !parentId) return;
  if (await resourceById(read, rows, { ...sought, kind: parent.kind, id: parentId })) return;
  throw refused(reject("missing", "RESOURCE_NOT_FOUND", "There is no such resource."));
};
