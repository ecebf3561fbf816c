import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { SetPlatformRole } from "../../src/commands/accounts.ts";
import type { Route } from "../../src/http/route.ts";
import { contextOf } from "../commands/writeSide.ts";
import { type Client, client, newWorkspace, type SignedIn, signedIn } from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";
import { type RawAnswer, rawHttp, rawRequest } from "../support/rawHttp.ts";
import { headOf } from "../support/stored.ts";
import { Envelope } from "./greetings.ts";

/** A call as the owner would make it, and what is wrong with it. */
export type Attempt = {
  route: Pick<Route, "method" | "path">;
  wrong: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
};

export type Owned = {
  on: Installation;
  url: string;
  routes: readonly Route[];
  api: Client;
  ada: SignedIn;
  workspace: string;
};

/** A whole Everfold, with a system admin who owns a workspace with 1,000 credits. */
export const ownedWorkspace = async (stack: AsyncDisposableStack): Promise<Owned> => {
  const on = await installation(stack);
  const { url, routes, handler } = await on.everfold();
  const api = client(url);
  const ada = await signedIn(api);
  await handler.handle(SetPlatformRole, { userId: ada.id, role: "system_admin" }, contextOf());
  return { on, url, routes, api, ada, workspace: await newWorkspace(api, ada, 1_000) };
};

/** The path with ids in it: those given, the workspace's and its organization's own, and any for the rest. */
export const pathOf = (
  { workspace, ada: { organizationId } }: Owned,
  path: string,
  ids: Readonly<Record<string, string>> = {},
): string => {
  const all: Readonly<Record<string, string>> = { workspaceId: workspace, organizationId, ...ids };
  return path.replaceAll(/:(\w+)/g, (_, name: string) => all[name] ?? randomUUID());
};

export const answerTo = async (owned: Owned, { route, path, headers, body = "" }: Attempt): Promise<RawAnswer> => {
  const all = { authorization: `Bearer ${owned.ada.accessToken}`, "content-type": "application/json", ...headers };
  const target = path ?? pathOf(owned, route.path);
  const answer = await rawHttp(owned.url, rawRequest(route.method, target, all, Buffer.from(body)));
  if (answer === undefined) throw new Error("the connection was closed without an answer");
  return answer;
};

const atOnce = 16;
export const inTurn = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += atOnce)
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))));
  return results;
};

/** Each is answered with one of these, `status CODE`, in the envelope; and nothing at all was written. */
export const expectRefused = async (owned: Owned, attempts: readonly Attempt[], ...expected: readonly string[]) => {
  const before = await headOf(owned.on);
  const outcomes = await inTurn(attempts, async (attempt) => {
    const { status, body } = await answerTo(owned, attempt);
    const { error } = Envelope.parse(JSON.parse(body));
    return { ...attempt, outcome: `${status} ${error?.code}` };
  });
  const unexpected = outcomes.filter(({ outcome }) => !expected.includes(outcome));
  expect(
    unexpected.map(({ route, wrong, outcome }) => `${route.method} ${route.path}: ${wrong.slice(0, 40)} → ${outcome}`),
  ).toEqual([]);
  expect(attempts.length).toBeGreaterThan(0);
  expect(await headOf(owned.on)).toBe(before);
};
