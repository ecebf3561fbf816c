import { describe, expect, test } from "vitest";
import { type Attempt, type Batch, type Committed, contradictions, type Snapshot } from "./concurrentHistory.ts";
import type { Expected } from "./specification.ts";

const batch = (expected: Expected, ...ids: string[]): Batch => ({ stream: "s", expected, ids });

const accepted = (of: Batch, calledAt: number, at: number, revision: bigint, position = revision): Attempt => ({
  batch: of,
  calledAt,
  answer: { kind: "accepted", at, revision, position },
});

const refused = (of: Batch, calledAt: number, at: number, current: bigint): Attempt => ({
  batch: of,
  calledAt,
  answer: { kind: "wrongExpectedRevision", at, current },
});

const unanswered = (of: Batch, calledAt: number): Attempt => ({ batch: of, calledAt, answer: undefined });

const stored = (...ids: string[]): Committed[] =>
  ids.map((id, index) => ({ id, stream: "s", revision: BigInt(index), position: BigInt(index) }));

const judged = (attempts: Attempt[], committed: Committed[], snapshots: Snapshot[] = []) =>
  contradictions({ attempts, committed, snapshots, followed: committed.map(({ id }) => id) });

const first = batch("no_stream", "a", "b");
const second = batch("any", "c");
const exact = batch(1n, "d");

describe("a history is explained", () => {
  test("when overlapping calls took effect in either order", () => {
    expect(judged([accepted(first, 1, 4, 1n), accepted(second, 2, 3, 2n)], stored("a", "b", "c"))).toEqual([]);
    expect(judged([accepted(second, 1, 4, 0n), refused(first, 2, 3, 0n)], stored("c"))).toEqual([]);
  });

  test("when what was not answered was written, or was not", () => {
    expect(judged([unanswered(first, 1)], stored("a", "b"))).toEqual([]);
    expect(judged([unanswered(first, 1)], [])).toEqual([]);
  });

  test("when a repeat was told what the first call wrote", () => {
    expect(judged([accepted(first, 1, 2, 1n), accepted(first, 3, 4, 1n)], stored("a", "b"))).toEqual([]);
  });

  test("when a read that ran beside an append saw it, or did not", () => {
    const attempts = [accepted(first, 1, 4, 1n)];
    expect(judged(attempts, stored("a", "b"), [{ calledAt: 2, at: 3, ids: [] }])).toEqual([]);
    expect(judged(attempts, stored("a", "b"), [{ calledAt: 2, at: 3, ids: ["a", "b"] }])).toEqual([]);
  });
});

describe("a history is not explained", () => {
  const one = accepted(first, 1, 2, 1n);
  const both = [one, accepted(second, 3, 4, 2n)];
  test.each<[string, Attempt[], Committed[], Snapshot[]]>([
    ["an acknowledged append is missing", both, stored("a", "b"), []],
    ["half of an append is missing", [unanswered(first, 1)], stored("a"), []],
    ["an append is torn apart", [unanswered(first, 1), unanswered(second, 1)], stored("a", "c", "b"), []],
    ["an append is there twice", [one], stored("a", "b", "a", "b"), []],
    ["something is there that nobody wrote", [one], stored("a", "b", "x"), []],
    ["what was refused is there", [one, refused(second, 3, 4, 1n)], stored("a", "b", "c"), []],
    ["a revision is missing", [one], stored("x", "a", "b").slice(1), []],
    ["an expected revision was not there", [accepted(second, 1, 2, 0n), unanswered(exact, 3)], stored("c", "d"), []],
    ["an answer names another revision", [accepted(first, 1, 2, 0n)], stored("a", "b"), []],
    ["an answer names another position", [accepted(first, 1, 2, 1n, 7n)], stored("a", "b"), []],
    ["a refusal names what was expected", [one, refused(exact, 3, 4, 1n)], stored("a", "b"), []],
    ["a refusal names the middle of an append", [one, refused(exact, 1, 2, 0n)], stored("a", "b"), []],
    ["a refusal is older than its call", [...both, refused(first, 5, 6, -1n)], stored("a", "b", "c"), []],
    ["a refusal knows what comes after it", [refused(exact, 0, 1, 2n), ...both], stored("a", "b", "c"), []],
    ["a repeat is refused", [one, refused(first, 3, 4, 1n)], stored("a", "b"), []],
    ["a later append comes first", [accepted(second, 1, 2, 2n), accepted(first, 3, 4, 1n)], stored("a", "b", "c"), []],
    ["a read misses what was there", both, stored("a", "b", "c"), [{ calledAt: 5, at: 6, ids: ["a", "b"] }]],
    ["a read sees what comes later", both, stored("a", "b", "c"), [{ calledAt: 1, at: 2, ids: ["a", "b", "c"] }]],
    ["a read sees another order", both, stored("a", "b", "c"), [{ calledAt: 5, at: 6, ids: ["c", "a", "b"] }]],
  ])("when %s", (_, attempts, committed, snapshots) => {
    expect(judged(attempts, committed, snapshots)).not.toEqual([]);
  });
});

test.each([
  ["misses an event", ["a", "b"]],
  ["gets one twice", ["a", "b", "b", "c"]],
  ["gets them in another order", ["b", "a", "c"]],
])("a history is not explained when a subscriber %s", (_, followed) => {
  const attempts = [accepted(first, 1, 2, 1n), accepted(second, 3, 4, 2n)];
  expect(contradictions({ attempts, committed: stored("a", "b", "c"), snapshots: [], followed })).not.toEqual([]);
});
