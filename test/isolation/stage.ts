import { randomUUID } from "node:crypto";
import { EventStoreDBClient, FORWARDS } from "@eventstore/db-client";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import type { Route } from "../../src/http/route.ts";
import { type Client, client, expectStatus, type SignedIn, signedIn, switchedTo } from "../support/client.ts";
import { type Installation, installation } from "../support/everfold.ts";
import { type Planted, plant } from "./fixtures.ts";
import { pathWith } from "./places.ts";

export type Sent = { status: number; headers: Headers; text: string };
export type Stage = {
  on: Installation;
  url: string;
  /** What was logged so far. */
  lines: readonly string[];
  api: Client;
  routes: readonly Route[];
  ours: Planted;
  theirs: Planted;
  /** An administrator of both organizations and an owner of both workspaces, who acts in ours. */
  both: SignedIn;
  send(method: Route["method"], path: string, token: string, body?: object, requestId?: string): Promise<Sent>;
  /** What was written by other than the store itself, `type in stream`, but for the records of what was refused. */
  writtenBy(work: () => Promise<void>): Promise<string[]>;
};

const word = () => `planted${randomUUID().replaceAll("-", "")}`;

/** Two organizations with one of everything, and no reactions, which would write on their own account. */
export const isolationStage = async (stack: AsyncDisposableStack): Promise<Stage> => {
  const on = await installation(stack);
  const { everfold, eventStore } = on;
  const { url, routes, lines } = await everfold({ ROLES: "api,projections", DEFAULT_PLAN: "enterprise" });
  const api = client(url);
  const [ours, theirs] = [await plant(api, word()), await plant(api, word())];
  const both = await signedIn(api);
  for (const tenant of [ours, theirs]) await admitted(api, both, tenant);
  const store = eventStoreDb({ url: eventStore.url });
  stack.defer(() => store.close());
  const events = EventStoreDBClient.connectionString(eventStore.url);
  stack.defer(() => events.dispose());
  return {
    ...{ on, url, lines, api, routes, ours, theirs, both: await switchedTo(api, both, ours.admin.organizationId) },
    send: async (method, path, token, body, requestId = randomUUID()) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...{ authorization: `Bearer ${token}`, "x-request-id": requestId },
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    },
    writtenBy: async (work) => {
      const before = (await store.newest())?.position ?? 0n;
      await work();
      const written: string[] = [];
      const fromPosition = { commit: before, prepare: before };
      for await (const { event } of events.readAll({ direction: FORWARDS, fromPosition }))
        if (event && !/^(\$|access_log-)/.test(event.streamId) && (event.position?.commit ?? 0n) > before)
          written.push(`${event.type} in ${event.streamId}`);
      return written;
    },
  };
};

const admitted = async (api: Client, who: SignedIn, { admin, ids }: Planted): Promise<void> => {
  const by = { token: admin.accessToken };
  const organization = `/organizations/${ids["organizationId"]}/members`;
  expectStatus(201, await api.post(organization, { email: who.email, role: "admin" }, by));
  const workspace = `/workspaces/${ids["workspaceId"]}/members`;
  expectStatus(201, await api.post(workspace, { email: who.email, role: "owner" }, by));
};

/** A read of one's own, as its example asks for it; what is behind is waited for. */
export const ownRead = async ({ send }: Stage, route: Route, { admin, ids }: Planted, query = ""): Promise<Sent> => {
  const path = `${pathWith(route.path, ids)}${query}`;
  for (;;) {
    const answer = await send("GET", path, admin.accessToken);
    if (answer.status !== 202) return answer;
  }
};
