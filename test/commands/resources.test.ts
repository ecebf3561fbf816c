import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resourceCommands } from "../../src/commands/resourceCommands.ts";
import { job } from "../../src/domain/repositories/job.ts";
import { repository } from "../../src/domain/repositories/repository.ts";
import { fold } from "../../src/kernel/decider.ts";
import { isRejection } from "../../src/kernel/rejection.ts";
import type { Resource } from "../../src/kernel/resource.ts";
import { jobs, repositories } from "../../src/projections/repositories.ts";
import { facts, given, id } from "../spec.ts";
import { plannedKinds } from "../support/planned.ts";

const kinds: readonly Resource[] = [repository, job, ...plannedKinds.map(({ resource }) => resource)];
const permissions = { read: "planning:read", write: "planning:write", remove: "planning:write" };
const claim = { claimId: id("claim"), claiming: id("claiming") };

const placeOf = ({ scope }: Resource) => ({
  id: id("item"),
  organizationId: id("acme"),
  workspaceId: scope === "workspace" ? id("wonderland") : null,
});
const parentOf = ({ parents: [parent] }: Resource) => (parent ? { kind: parent.kind, id: id("parent") } : null);
const created = (kind: Resource) => {
  const { noun, unique, example, statuses } = kind;
  const [status = ""] = Object.keys(statuses);
  const own = { parent: parentOf(kind), rank: "0a", status, claim: unique ? claim : null, fields: example };
  return {
    type: `${noun}Created`,
    data: { ...placeOf(kind), ...own, createdBy: id("ada"), createdAt: facts.now },
  };
};

describe.each(kinds.map((kind) => [kind.noun, kind] as const))("%s", (noun, kind) => {
  const { create, change, setStatus, remove, restore } = resourceCommands(kind, permissions);
  const place = placeOf(kind);
  const target = { ...place, under: kind.isNested ? id("parent") : null };
  const there = created(kind);
  const { status: _, createdBy: __, createdAt: ___, ...asked } = there.data;
  const deleted = { type: `${noun}Deleted`, data: place };

  test("PLAN-01 REPO-01 JOB-01: is created in its first status, and no second time", () => {
    given(kind.on).when(create, asked).then(there);
    given(kind.on, there).when(create, asked).thenRefused("conflict", "RESOURCE_EXISTS");
  });

  test("PLAN-04: is deleted and restored, and asked for again either writes nothing", () => {
    given(kind.on, there).when(remove, target).then(deleted);
    given(kind.on, there).when(remove, target).again().thenRefused("missing", "RESOURCE_NOT_FOUND");
    const restored = { ...target, claim: there.data.claim };
    given(kind.on, there, deleted)
      .when(restore, restored)
      .then({ type: `${noun}Restored`, data: { ...place, claim: there.data.claim } });
    given(kind.on, there, deleted).when(restore, restored).again().thenNothing();
  });

  test("is changed only where something changes, and only where it belongs", () => {
    const same = { ...target, claim: there.data.claim, fields: kind.example };
    given(kind.on, there).when(change, same).thenNothing();
    for (const elsewhere of [{ organizationId: id("other") }, { workspaceId: id("other") }, { under: id("other") }])
      for (const [command, input] of [
        [change, { ...same, ...elsewhere }],
        [remove, { ...target, ...elsewhere }],
        [restore, { ...same, ...elsewhere }],
      ] as const)
        expect(isRejection(command.decide(command.input.parse(input) as never, fold(kind.on, [there]), facts))).toBe(
          true,
        );
  });

  test("PLAN-01: goes through statuses as they may follow each other, whatever is asked for (P)", () => {
    const all = Object.keys(kind.statuses);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...all), { maxLength: 12 }), (wanted) => {
        const history = [there];
        let current = there.data.status;
        for (const status of wanted) {
          const outcome = setStatus.decide({ ...target, status }, fold(kind.on, history), facts);
          const isAllowed = status === current || (kind.statuses[current]?.includes(status) ?? false);
          expect(isRejection(outcome)).toBe(!isAllowed);
          if (isRejection(outcome)) continue;
          expect(outcome.length).toBe(status === current ? 0 : 1);
          history.push(...(outcome as (typeof there)[]));
          current = status;
        }
      }),
      { numRuns: 100 },
    );
  });
});

test("REPO-01 JOB-01: an item is one row, whatever happens to it, with its time of deletion", () => {
  for (const [kind, readModel] of [
    [repository, repositories],
    [job, jobs],
  ] as const) {
    const place = placeOf(kind);
    const [, next = ""] = Object.keys(kind.statuses);
    const after = given(
      kind.on,
      created(kind),
      { type: `${kind.noun}StatusChanged`, data: { ...place, status: next } },
      { type: `${kind.noun}Deleted`, data: place },
    ).projectedBy(readModel);
    expect(after.rows(readModel.rows.name)).toMatchObject([
      { id: place.id, kind: kind.kind, status: next, deleted_at: facts.now, revision: 2n },
    ]);
  }
});
