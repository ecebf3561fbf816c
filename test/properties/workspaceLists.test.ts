import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Answer,
  type Client,
  client,
  expectStatus,
  type SignedIn,
  signedIn,
  switchedTo,
} from "../support/client.ts";
import { installation } from "../support/everfold.ts";

const stack = new AsyncDisposableStack();
/** Written through one process, read through another. */
let writing: Client;
let reading: Client;
let people: readonly SignedIn[];
/** Everybody's sessions, by the organization that is active in them; whose it is comes first. */
const sessions = new Map<SignedIn, Map<SignedIn, SignedIn>>();
beforeAll(async () => {
  const { everfold } = await installation(stack);
  [writing, reading] = [client((await everfold(plan)).url), client((await everfold(plan)).url)];
  people = await Promise.all(["Ada", "Grace", "Linus"].map((name) => signedIn(writing, { name })));
  for (const host of people) {
    const members = `/organizations/${host.organizationId}/members`;
    const within = new Map<SignedIn, SignedIn>([[host, host]]);
    for (const person of people.filter((each) => each !== host)) {
      expectStatus(201, await writing.post(members, { email: person.email, role: "viewer" }, as(host)));
      within.set(person, await switchedTo(writing, person, host.organizationId));
    }
    sessions.set(host, within);
  }
});
afterAll(() => stack.disposeAsync());

/** More workspaces than anybody has for nothing. */
const plan = { DEFAULT_PLAN: "enterprise" };
const roles = ["viewer", "member", "admin", "owner"] as const;
type Role = (typeof roles)[number];
/** What has been acknowledged of a workspace. Its creator is admin of the organization it belongs to. */
type Known = { id: string; creator: SignedIn; members: Map<SignedIn, Role> };

const step = fc.record({
  asks: fc.constantFrom("create", "create", "add", "add", "add", "remove", "remove", "delete"),
  at: fc.nat(),
  who: fc.nat({ max: 2 }),
  role: fc.constantFrom(...roles),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const as = ({ accessToken: token }: SignedIn) => ({ token });
const create = async (creator: SignedIn, known: Known[]): Promise<Answer> => {
  const answer = await writing.post("/workspaces", { name: "Growth" }, as(creator));
  known.push({ id: expectStatus(201, answer).id, creator, members: new Map([[creator, "owner"]]) });
  return answer;
};
const drop = async (place: Known, known: Known[]): Promise<Answer> => {
  known.splice(known.indexOf(place), 1);
  return writing.delete(`/workspaces/${place.id}`, as(place.creator));
};
const add = async ({ id, creator, members }: Known, person: SignedIn, role: Role): Promise<Answer> => {
  const answer = await writing.post(`/workspaces/${id}/members`, { email: person.email, role }, as(creator));
  if (answer.status === 201) members.set(person, role);
  return answer;
};
const remove = async ({ id, creator, members }: Known, person: SignedIn): Promise<Answer> => {
  const answer = await writing.delete(`/workspaces/${id}/members/${person.id}`, as(creator));
  if (answer.status === 200) members.delete(person);
  return answer;
};

/** Asked for by the creator of the workspace it is about. */
const take = async ({ asks, at, who, role }: Step, known: Known[]): Promise<Answer> => {
  const person = people[who];
  const place = known[at % known.length];
  if (!person) throw new Error("every step is about one of three");
  if (asks === "create" || !place) return create(person, known);
  if (asks === "add") return add(place, person, role);
  return asks === "remove" ? remove(place, person) : drop(place, known);
};

/** The whole list of the active organization, a page after the other. */
const listed = async (person: SignedIn, limit: number, headers: Record<string, string>) => {
  const rows: { id: string; role: string }[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await reading.get(`/workspaces?page=${page}&limit=${limit}`, { ...as(person), headers });
    const part: typeof rows = expectStatus(200, answer);
    const { total } = answer.body.meta;
    expect(answer.body.meta).toEqual({ page, limit, total });
    expect(part).toHaveLength(Math.min(limit, Math.max(0, total - rows.length)));
    rows.push(...part);
    if (rows.length >= total) return rows;
  }
};

/** An organization's admin sees all its workspaces, and is at least admin there. */
const visibleTo = (person: SignedIn, known: readonly Known[]) =>
  known.flatMap(({ id, creator, members }) => {
    const role = members.get(person);
    if (creator === person) return [{ id, role: role === "owner" ? "owner" : "admin" }];
    return role ? [{ id, role }] : [];
  });

const byId = (rows: readonly { id: string; role: string }[]) =>
  rows.map(({ id, role }) => ({ id, role })).toSorted((one, other) => one.id.localeCompare(other.id));

test(
  "P9 WS-03 FND-16 AUTH-28: everybody is listed exactly the workspaces that are theirs, page by page",
  { timeout: 300_000 },
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, limit) => {
          const known: Known[] = [];
          try {
            let position = "0";
            for (const asked of steps)
              position = (await take(asked, known)).headers.get("x-event-position") ?? position;
            const headers = { "x-event-position": position };
            for (const person of people) {
              for (const [host, within] of sessions) {
                const ofHost = known.filter(({ creator }) => creator === host);
                const session = within.get(person) ?? person;
                expect(byId(await listed(session, limit, headers))).toEqual(byId(visibleTo(person, ofHost)));
              }
              const { workspaces } = expectStatus(200, await reading.get("/auth/me", { ...as(person), headers }));
              const memberships = known.flatMap(({ id, members }) => ({ id, role: members.get(person) ?? "" }));
              expect(byId(workspaces)).toEqual(byId(memberships.filter(({ role }) => role !== "")));
            }
          } finally {
            for (const { id, creator } of known) await writing.delete(`/workspaces/${id}`, as(creator));
          }
        },
      ),
      { numRuns: 100 },
    ),
);
