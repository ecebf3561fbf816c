import { randomUUID } from "node:crypto";
import { z } from "zod";
import { accessLog, accessLogIdOf } from "../domain/audit/accessLog.ts";
import { command, type EventOf, paired } from "../kernel/decider.ts";
import type { CommandContext, Handler } from "./handler.ts";
import type { Warn } from "./limits.ts";

type Events = typeof accessLog.events;
const { AccessDenied, SignInFailed, RefreshTokenReused } = accessLog.events;

const NoteAttempts = command(accessLog, {
  name: "NoteAttempts",
  permission: "public",
  input: z.object({
    type: z.enum(["AccessDenied", "SignInFailed", "RefreshTokenReused"]),
    data: z.union([RefreshTokenReused.schema, SignInFailed.schema, AccessDenied.schema]),
  }),
  output: z.null(),
  stream: ({ data }) => data.accessLogId,
  decide: ({ type, data }) => [paired<Events>(type, data)],
  answer: () => null,
});

type Counted = "accessLogId" | "attempts" | "firstAt" | "lastAt";
type Uncounted<E> = E extends EventOf<Events> ? { type: E["type"]; data: Omit<E["data"], Counted> } : never;
/** What was refused, without how often. */
export type Attempt = Uncounted<EventOf<Events>>;
/** Who was refused, as far as the request tells. */
export type Attempter = Pick<CommandContext, "requestId" | "sessionId" | "workspaceId" | "ip" | "userAgent" | "actor">;

export type AccessNotes = {
  /** Takes no time: what is noted is written soon after. */
  note(attempt: Attempt, by: Attempter): void;
  /** Resolves when all that was noted is written, or given up. */
  stop(): Promise<void>;
};

/** Like attempts within it are counted, and written twice at most: the first at once, all others when it is over. */
const WINDOW_MS = 60_000;
const WRITE_INTERVAL_MS = 1_000;
/** Of whoever attempts more things than these within a minute, what goes beyond is only counted in the log. */
const PENDING_MAX = 10_000;

/** A store that is away for longer than this many intervals has lost what was noted until then. */
const WRITES_MAX = 600;

type Pending = {
  attempt: Attempt;
  by: Attempter;
  /** Since it was last written. */
  attempts: number;
  firstAt: number;
  lastAt: number;
  isWritten: boolean;
  over: number;
};
/** Stays the same however often it is sent. */
type Note = { input: z.output<typeof NoteAttempts.input>; context: CommandContext; writes: number };

type Options = { handler: Pick<Handler, "handle">; now: () => string; warn: Warn };

/**
 * RBAC-11, AUTH-25: refusals become events beside the requests they were given to. However fast somebody tries, what is
 * written of one caller, route and minute stays the same; a store that is away is waited for.
 */
export const accessNotes = ({ handler, now, warn }: Options): AccessNotes => {
  const pending = new Map<string, Pending>();
  let unsent: Note[] = [];
  let dropped = 0;
  let writing: Promise<unknown> = Promise.resolve();

  /** Nobody waits for an answer who could try again: what fails stays among the unsent. */
  const send = async (note: Note): Promise<Note[]> => {
    try {
      await handler.handle(NoteAttempts, note.input, note.context);
      return [];
    } catch (error) {
      warn({ error }, "a refusal could not be noted for now");
      return note.writes < WRITES_MAX ? [{ ...note, writes: note.writes + 1 }] : [];
    }
  };

  const writeDue = async (isLast: boolean): Promise<void> => {
    const at = Date.parse(now());
    for (const [key, each] of pending) {
      const isOver = each.over <= at;
      if (each.attempts > 0 && (isLast || isOver || !each.isWritten)) {
        unsent.push({ input: inputOf(each), context: contextOf(each), writes: 1 });
        Object.assign(each, { attempts: 0, isWritten: true });
      }
      if (isOver) pending.delete(key);
    }
    if (dropped > 0) warn({ attempts: dropped }, "more was refused than is noted");
    dropped = 0;
    unsent = (await Promise.all(unsent.splice(0).map(send))).flat().slice(0, PENDING_MAX);
  };

  const timer = setInterval(() => {
    if (pending.size + unsent.length > 0) writing = writing.then(() => writeDue(false));
  }, WRITE_INTERVAL_MS);
  timer.unref();

  return {
    note: (attempt, by) => {
      const at = Date.parse(now());
      const key = keyOf(attempt, by);
      const known = pending.get(key);
      if (known) counted(known, at);
      else if (pending.size >= PENDING_MAX) dropped += 1;
      else pending.set(key, begun(attempt, by, at));
    },
    stop: async () => {
      clearInterval(timer);
      await writing;
      await writeDue(true);
    },
  };
};

const counted = (known: Pending, at: number): void => {
  if (known.attempts === 0) known.firstAt = at;
  known.attempts += 1;
  known.lastAt = at;
};

const begun = (attempt: Attempt, by: Attempter, at: number): Pending => ({
  ...{ attempt, by, attempts: 1, isWritten: false },
  ...{ firstAt: at, lastAt: at, over: at + WINDOW_MS },
});

/** Not by what was asked for: whoever tries all ids there are is one caller at one route. */
const keyOf = ({ type, data }: Attempt, { actor, ip }: Attempter): string =>
  JSON.stringify([type, actor.kind, actor.id ?? ip, data.organizationId, data.operation, data.reason]);

const inputOf = ({ attempt: { type, data }, attempts, firstAt, lastAt }: Pending) => {
  const [first, last] = [new Date(firstAt).toISOString(), new Date(lastAt).toISOString()];
  const accessLogId = accessLogIdOf(data.organizationId, last);
  return { type, data: { ...data, accessLogId, attempts, firstAt: first, lastAt: last } };
};

const contextOf = ({ attempt: { data }, by, lastAt }: Pending): CommandContext => {
  const now = new Date(lastAt).toISOString();
  const { actor } = by;
  // Where they were is kept under the key of the log, which nobody's own data is under, until it is destroyed.
  const visitor = { kind: actor.kind, id: actor.id ?? accessLogIdOf(data.organizationId, now) };
  return {
    ...by,
    ...{ commandId: randomUUID(), causationId: by.requestId, now },
    organizationId: data.organizationId,
    actor: actor.kind === "anonymous" ? visitor : actor,
  };
};
