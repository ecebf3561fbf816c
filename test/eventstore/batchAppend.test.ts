import type { ServerHttp2Session } from "node:http2";
import { expect, onTestFinished, test, vi } from "vitest";
import { openBatchAppend } from "../../src/eventstore/batchAppend.ts";
import { AppendAnswerLost, EventStoreUnavailable } from "../../src/eventstore/store.ts";
import { openSession } from "../../src/eventstore/wire/session.ts";
import { appendingServer } from "./wire/appendingServer.ts";

const soon = { timeout: 10_000, interval: 10 };

type Answer = Parameters<Parameters<typeof appendingServer>[0]["append"]>[0];

const appending = async (timeoutMs: number) => {
  const asked: Answer[] = [];
  const server = await appendingServer({ append: (answer) => void asked.push(answer) });
  const keepAlive = { intervalMs: -1, timeoutMs: -1 };
  const session = await openSession(
    { address: server.address, tls: undefined, headers: {}, keepAlive },
    () => undefined,
  );
  const onEnd = vi.fn();
  const appends = openBatchAppend(session, { timeoutMs, onEnd });
  const retire = () => {
    appends.retire();
    session.retire();
  };
  return { ...server, session, appends, asked, onEnd, retire };
};

/** A ping is answered after everything that was sent before. */
const everythingSentIsHeard = (session: ServerHttp2Session) =>
  new Promise<void>((resolve) => void session.ping(() => resolve()));

test("a connection that is retired while nothing waits for an answer closes", async () => {
  const { sessions, appends, asked, retire } = await appending(60_000);
  const append = appends.append("draw-1", [], 0n);
  await expect.poll(() => asked.length, soon).toBe(1);
  asked[0]?.appended();
  await append;
  retire();
  await expect.poll(() => sessions.size, soon).toBe(0);
});

test("all that waits when a connection is retired still gets its answer, and then the connection closes", async () => {
  const { sessions, appends, asked, retire } = await appending(60_000);
  const appended = Promise.all([1, 2, 3].map((draw) => appends.append(`draw-${draw}`, [], 0n)));
  await expect.poll(() => asked.length, soon).toBe(3);
  retire();
  await Promise.all([...sessions].map(everythingSentIsHeard));
  for (const answer of asked) answer.appended();
  expect(await appended).toEqual(Array(3).fill({ revision: 0n, position: 1n }));
  await expect.poll(() => sessions.size, soon).toBe(0);
});

test("a retired connection whose last append is never answered closes when that is given up", async () => {
  const { sessions, appends, asked, retire } = await appending(300);
  const lost = appends.append("draw-1", [], 0n).catch((error: unknown) => error);
  await expect.poll(() => asked.length, soon).toBe(1);
  retire();
  expect(await lost).toBeInstanceOf(AppendAnswerLost);
  await expect.poll(() => sessions.size, soon).toBe(0);
});

test("what is not answered is given up in its time, though the clock was set back meanwhile", async () => {
  const { appends } = await appending(50);
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const lost = appends.append("draw-1", [], 0n).catch((error: unknown) => error);
  vi.setSystemTime(Date.now() - 3_600_000);
  const isGivenUp = vi.fn();
  void lost.then(isGivenUp);
  await expect.poll(() => isGivenUp.mock.calls.length, soon).toBe(1);
  expect(await lost).toBeInstanceOf(AppendAnswerLost);
});

test("answers find their appends in any order, also when the oldest is never answered", async () => {
  const { appends, asked } = await appending(60_000);
  const outcomes = Array.from({ length: 5_000 }, (_, draw) =>
    appends.append(`draw-${draw}`, [], 0n).then(
      () => "appended",
      () => "lost",
    ),
  );
  await expect.poll(() => asked.length, soon).toBe(5_000);
  for (const answer of asked.slice(3_000).toReversed()) answer.appended();
  for (const answer of asked.slice(1, 2_999)) answer.appended();
  await Promise.all(outcomes.toSpliced(2_999, 1).slice(1));
  asked[0]?.appended();
  await outcomes[0];
  appends.close();
  expect(await outcomes[2_999]).toBe("lost");
  expect((await Promise.all(outcomes)).filter((outcome) => outcome === "lost")).toHaveLength(1);
});

test("a node that is not ready writes nothing and says so, and is appended to no more", async () => {
  const { appends, asked, onEnd } = await appending(60_000);
  const refused = appends.append("draw-1", [], 0n).catch((error: unknown) => error);
  await expect.poll(() => asked.length, soon).toBe(1);
  expect(onEnd).not.toHaveBeenCalled();
  asked[0]?.refused("google.protobuf.Empty");
  expect(await refused).toBeInstanceOf(EventStoreUnavailable);
  expect(onEnd).toHaveBeenCalledOnce();
});
