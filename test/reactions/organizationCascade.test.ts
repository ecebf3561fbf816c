import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BlindIndex } from "../../src/commands/claims.ts";
import type { Handler } from "../../src/commands/handler.ts";
import { organizationCreation } from "../../src/commands/organizationCreation.ts";
import { DeleteOrganization } from "../../src/commands/organizations.ts";
import { AdmitWorkspace } from "../../src/commands/workspaceAdmission.ts";
import { workspaceCreation } from "../../src/commands/workspaceCreation.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { slugClaim } from "../../src/domain/tenancy/slugClaim.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { startEventStore } from "../../src/embedded/eventStore.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { organizationCascade } from "../../src/reactions/organizationCascade.ts";
import { runReactions } from "../../src/reactions/runner.ts";
import { workspaceCascade } from "../../src/reactions/workspaceCascade.ts";
import { contextOf } from "../commands/writeSide.ts";
import { log } from "../projections/jars.ts";
import { until } from "../projections/readSide.ts";
import { testDatabase } from "../support/database.ts";
import { rechargeSide } from "./rechargeSide.ts";

const now = () => new Date().toISOString();
const blindIndex: BlindIndex = (purpose, value) => derivedId(purpose, value);
const backends = new AsyncDisposableStack();
let side: ReturnType<typeof rechargeSide>;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "everfold-cascade-"));
  backends.defer(() => rm(directory, { recursive: true, force: true }));
  const [eventStore, database] = await Promise.all([startEventStore({ directory }), testDatabase()]);
  backends.defer(() => Promise.all([eventStore.stop(), database.drop()]).then(() => undefined));
  side = rechargeSide({ eventStore: eventStore.url, database: database.url }, backends);
});
afterAll(() => backends.disposeAsync());

const accepted = <T extends object>(outcome: T) => {
  if (isRejection(outcome)) throw new Error(outcome.code);
  return outcome;
};

/** What a process that dies now and then does: every other command is not carried out when it is first asked for. */
const failing = ({ handle, stateOf }: Handler): Pick<Handler, "handle" | "stateOf"> => {
  const asked = new Set<string>();
  return {
    stateOf,
    handle: (command, input, context) => {
      const isFirst = !asked.has(context.commandId);
      asked.add(context.commandId);
      return isFirst && asked.size % 2 === 1 ? Promise.reject(new Error("killed")) : handle(command, input, context);
    },
  };
};

test("ORG-06 WS-11: a deletion that dies on the way is gone on with until nothing is left", async () => {
  const { handler } = side;
  const actor = { kind: "user", id: randomUUID() } as const;
  const found = organizationCreation({ handler, blindIndex, plan: "free" });
  const made = accepted(await found.execute({ name: "Acme", slug: "acme" }, contextOf({ actor })));
  if (!("answer" in made)) throw new Error("an organization that was made is answered");
  const organizationId = made.answer.id;
  const create = workspaceCreation({ handler, blindIndex });
  for (const name of ["Growth", "Growth", "Sales", "Support"])
    accepted(await create.execute({ name }, contextOf({ actor, organizationId })));
  // A place that was kept for a workspace which nobody finished.
  const unfinished = { organizationId, workspaceId: randomUUID() };
  accepted(await handler.handle(AdmitWorkspace, unfinished, contextOf({ actor })));
  const { state: before } = await handler.stateOf(organization, organizationId);
  const ids = before.status === "ACTIVE" ? [...before.workspaces] : [];
  expect(ids).toHaveLength(5);

  accepted(await handler.handle(DeleteOrganization, { organizationId }, contextOf({ actor })));
  const means = { handler: failing(handler), blindIndex, now, vault: { destroyAllOf: async () => undefined } };
  const reactions = [organizationCascade(means), workspaceCascade(means)];
  const runner = runReactions({ groups: side.store.groups, codec: side.codec, log, reactions });
  await using _running = { [Symbol.asyncDispose]: () => runner.stop() };
  await until(async () => {
    const { state } = await handler.stateOf(organization, organizationId);
    return state.status === "DELETED" && state.workspaces.size === 0;
  });
  for (const id of ids.filter((each) => each !== unfinished.workspaceId))
    expect((await handler.stateOf(workspace, id)).state.status).toBe("DELETED");
  for (const slug of ["organization:acme", "workspace:growth", "workspace:sales", "workspace:support"])
    expect((await handler.stateOf(slugClaim, blindIndex("slug", slug))).state.status).toBe("free");
  expect(runner.status().parked).toBe(0);
});
