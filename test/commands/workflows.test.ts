import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CreateOrganization } from "../../src/commands/organizations.ts";
import { registration } from "../../src/commands/registration.ts";
import { login } from "../../src/commands/signIn.ts";
import { workspaceCreation } from "../../src/commands/workspaceCreation.ts";
import { memberAddition } from "../../src/commands/workspaceMembership.ts";
import { slugClaim } from "../../src/domain/tenancy/slugClaim.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { derivedId } from "../../src/kernel/ids.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import { newKey } from "../../src/platform/encryption.ts";
import { passwords } from "../../src/platform/passwords.ts";
import { contextOf, type Process, startWriteSide, type WriteSide } from "./writeSide.ts";

const blindIndex = (purpose: string, value: string) => derivedId(purpose, value);
const { hash: hashPassword, matches: passwordMatches } = passwords({ pepper: newKey(), cost: 4 });
let backends: WriteSide;
let process: Process;

beforeAll(async () => {
  backends = await startWriteSide();
  process = backends.process();
});
afterAll(() => backends.stop());

const newAddress = () => `${randomUUID()}@example.com`;
const register = (email: string, context = contextOf(), password = "correct horse battery") =>
  registration({ handler: process.handler, blindIndex, plan: "free", hashPassword, passwordMatches }).execute(
    { email, password, name: "Ada" },
    { ...context, actor: { kind: "anonymous", id: null } },
  );
const create = (name: string, context: ReturnType<typeof contextOf>) =>
  workspaceCreation({ handler: process.handler, blindIndex }).execute({ name }, context);

/** Somebody with an organization, and what they ask from now on. */
const founder = async () => {
  const [actor, organizationId] = [{ kind: "user", id: randomUUID() } as const, randomUUID()];
  const named = { name: "Acme", nameClaim: { claimId: randomUUID(), claiming: randomUUID() }, slug: organizationId };
  const founding = { organizationId, ...named, isPersonal: false, plan: "free", createdBy: actor.id } as const;
  await process.handler.handle(CreateOrganization, founding, contextOf({ actor, organizationId }));
  return (over = {}) => contextOf({ actor, organizationId, ...over });
};

const founded = async () => {
  const asking = await founder();
  const created = await create("Growth", asking());
  if (isRejection(created)) throw new Error(created.message);
  const workspaceId = created.answer.id;
  const add = (email: string, context = asking()) =>
    memberAddition({ handler: process.handler, blindIndex }).execute({ workspaceId, email, role: "member" }, context);
  return { workspaceId, asking, add };
};

describe("adding a member", () => {
  test("sent again after the address invited has registered was refused as a reused key", async () => {
    const { asking, add } = await founded();
    const [email, context] = [newAddress(), asking()];
    expect(await add(email, context)).toMatchObject({ answer: { userId: null } });
    const registered = await register(email);
    if (isRejection(registered)) throw new Error(registered.message);
    expect(await add(email, context)).toMatchObject({ answer: { userId: registered.answer.id, role: "member" } });
    expect(await add(email, context)).toMatchObject({ replayed: true });
  });

  test("of an invited address closes the invitation, which would count against the limit for ever", async () => {
    const { workspaceId, add } = await founded();
    const email = newAddress();
    await add(email);
    await register(email);
    await add(email);
    const { state } = await process.handler.stateOf(workspace, workspaceId);
    expect(state.status === "ACTIVE" && [state.members.size, state.invited.size]).toEqual([2, 0]);
  });

  test("FND-16: If-Match is about the workspace: at another revision nobody is added or invited", async () => {
    const { workspaceId, asking, add } = await founded();
    const { revision } = await process.handler.stateOf(workspace, workspaceId);
    const mismatch = { code: "REVISION_MISMATCH" };
    expect(await add(newAddress(), asking({ expectedRevision: revision + 1n }))).toMatchObject(mismatch);
    expect(await add(newAddress(), asking({ expectedRevision: revision }))).toMatchObject({ revision: revision + 1n });
  });
});

describe("creating a workspace", () => {
  test("with a reused key and another name is refused before it takes the slug of that name", async () => {
    const asking = await founder();
    const [context, other] = [asking(), `Other ${randomUUID()}`];
    await create("First", context);
    expect(await create(other, context)).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
    const claim = blindIndex("slug", `workspace:${other.toLowerCase().replace(" ", "-")}`);
    expect((await process.handler.stateOf(slugClaim, claim)).state).toEqual({ status: "free" });
  });

  test("FND-16: with If-Match is refused before it takes a slug: what does not exist has no revision", async () => {
    const asking = await founder();
    const name = `Expected ${randomUUID()}`;
    expect(await create(name, asking({ expectedRevision: 0n }))).toMatchObject({ code: "REVISION_MISMATCH" });
    const claim = blindIndex("slug", `workspace:${name.toLowerCase().replace(" ", "-")}`);
    expect((await process.handler.stateOf(slugClaim, claim)).state).toEqual({ status: "free" });
  });
});

describe("registering", () => {
  test("again with the same key and the same password gives the first answer again", async () => {
    const [email, context] = [newAddress(), contextOf()];
    const first = await register(email, context);
    expect(await register(email, context)).toEqual({ ...first, replayed: true });
  });

  test("again with the same key and another password is refused as an address that is taken", async () => {
    const [email, context] = [newAddress(), contextOf()];
    await register(email, context);
    expect(await register(email, context, "another password")).toMatchObject({
      rejected: "conflict",
      code: "EMAIL_TAKEN",
    });
  });

  test("FND-16: If-Match reached the streams an account is made of, whose revisions nobody knows", async () => {
    const email = newAddress();
    expect(await register(email, contextOf({ expectedRevision: 7n }))).toMatchObject({ replayed: false });
    const signingIn = login({
      handler: process.handler,
      blindIndex,
      passwordMatches,
      signAccessToken: async () => ({ accessToken: "", expiresIn: 1 }),
      refreshLifetimeMs: 60_000,
      accessNotes: { note: () => undefined },
    });
    const presented = { email, password: "correct horse battery" };
    expect(await signingIn.execute(presented, contextOf({ expectedRevision: 7n }))).toMatchObject({
      answer: { user: { email } },
    });
  });
});
