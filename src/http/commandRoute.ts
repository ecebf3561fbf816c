import { randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { commandIdOf } from "../commands/commandKey.ts";
import type { CommandContext } from "../commands/handler.ts";
import type { Operation } from "../commands/operation.ts";
import type { Command, EventDefs } from "../kernel/decider.ts";
import { derivedId } from "../kernel/ids.ts";
import { isRejection } from "../kernel/rejection.ts";
import { noteForbidden } from "./attempts.ts";
import { Positioned, Success, success } from "./envelope.ts";
import { failureOfRejection, sendFailure, validated } from "./errors.ts";
import { CommandHeaders } from "./headers.ts";
import { gatherInput, layInput } from "./input.ts";
import type { Ports } from "./ports.ts";
import type { Binding } from "./register.ts";
import { userAgentOf } from "./request.ts";
import type { Example, Method } from "./route.ts";

export type CommandOptions<I extends z.ZodObject, A> = {
  example: Example<A>;
  /** 200 unless told. */
  status?: 200 | 201;
  /** A field that is an id made here: the same one whenever the command is sent again. */
  fresh?: keyof z.output<I> & string;
  /** Whose reads must see this write, where the caller is nobody yet. */
  author?: (answer: A) => string;
  /** Counted together with the other sign-in routes (AUTH-23). */
  limit?: "auth";
  /** Of a workflow that ends with one command on the resource: answered with its revision, as such a command is. */
  hasRevision?: true;
  /** Can be asked what it would do, with `?dryRun=true`: it is answered as ever, and nothing is written. */
  dryRun?: true;
};

const NoQuery = z.strictObject({});
const TrialQuery = z.strictObject({
  dryRun: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional(),
});
const TrialPositioned = Positioned.extend({ dryRun: z.literal(true).optional() });

export const bindCommand = <I extends z.ZodObject, A, D extends EventDefs, S>(
  ports: Ports,
  method: Exclude<Method, "GET">,
  path: string,
  source: Operation<I, A> | Command<I, D, S, A>,
  { example, status = 200, fresh, author, limit, hasRevision, dryRun: canBeTried }: CommandOptions<I, A>,
): Binding => {
  const { name, permission, input, output } = source;
  const layout = layInput(path, input, fresh);
  const query: z.ZodObject = canBeTried ? TrialQuery : NoQuery;
  const execute = executionOf(ports, source);
  const answer = Success(output, canBeTried ? TrialPositioned : Positioned);
  return {
    route: {
      method,
      path,
      name,
      permission,
      status,
      contentType: "application/json",
      params: layout.params,
      query,
      headers: CommandHeaders,
      body: layout.body,
      answer,
      example: { ...example, answer: success(example.data, { position: "4711" }) },
    },
    limit,
    isCompressed: false,
    handle: async (request, reply) => {
      const headers = validated(CommandHeaders, request.headers);
      const isTrial = validated(query, request.query)["dryRun"] === true;
      const context = contextOf(request, headers, { now: ports.now(), isTrial });
      const outcome = await execute(gatherInput(input, layout, request, freshIn(context, fresh)), context);
      const remember = (userId: string | null, position: bigint) => {
        if (!isTrial) ports.writes.wrote({ userId, workspaceId: context.workspaceId }, position);
        reply.header("x-event-position", String(position));
      };
      if (isRejection(outcome)) {
        if (outcome.rejected === "forbidden" && !isTrial) noteForbidden(ports, request, outcome);
        if (outcome.position !== undefined) remember(request.auth?.actor.id ?? null, outcome.position);
        return sendFailure(request, reply, failureOfRejection(outcome));
      }
      remember(request.auth?.actor.id ?? author?.(outcome.answer) ?? null, outcome.position);
      if ("decide" in source || hasRevision) reply.header("etag", `"${outcome.revision}"`);
      if (outcome.replayed) reply.header("idempotency-hit", "true");
      const position = String(outcome.position);
      const meta = { position, ...(isTrial && { dryRun: true }) };
      reply.code(status);
      return success(outcome.answer, meta);
    },
  };
};

/** A workflow executes itself; a single command is what the handler is for. */
const executionOf = <I extends z.ZodObject, A, D extends EventDefs, S>(
  { handler }: Ports,
  source: Operation<I, A> | Command<I, D, S, A>,
): Operation<I, A>["execute"] =>
  "decide" in source ? (input, context) => handler.handle(source, input, context) : source.execute;

/** A key is a command's name in one workspace: another workspace's with the same one makes something else. */
const freshIn = (
  { commandId, workspaceId }: CommandContext,
  field: string | undefined,
): Readonly<Record<string, string>> =>
  field === undefined ? {} : { [field]: derivedId(commandId, workspaceId ?? "", field) };

const contextOf = (
  request: FastifyRequest,
  headers: z.output<typeof CommandHeaders>,
  { now, isTrial }: { now: string; isTrial: boolean },
): CommandContext => {
  const { auth, access, told, id: requestId, ip } = request;
  const expectedRevision = headers["if-match"];
  return {
    commandId: commandIdIn(request, headers["idempotency-key"]),
    requestId,
    causationId: requestId,
    now,
    actor: auth?.actor ?? { kind: "anonymous", id: null },
    organizationId: access?.organizationId ?? auth?.organizationId ?? null,
    workspaceId: told.workspaceId ?? null,
    sessionId: auth?.sessionId ?? null,
    ip,
    userAgent: userAgentOf(request),
    ...(expectedRevision !== undefined && { expectedRevision }),
    ...(isTrial && { dryRun: isTrial }),
  };
};

/** One caller's key is never another's; who has no account yet shares the keys of a route, which input tells apart. */
const commandIdIn = ({ auth, routeOptions }: FastifyRequest, key: string | undefined): string =>
  key === undefined
    ? randomUUID()
    : commandIdOf(auth?.actor.id ?? `anonymous ${routeOptions.method} ${routeOptions.url}`, key);
