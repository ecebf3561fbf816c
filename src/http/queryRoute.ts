import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Transaction } from "../platform/postgres.ts";
import type { Page, Paged } from "../projections/page.ts";
import { Empty, Success, success } from "./envelope.ts";
import { resourceNotFound, sendFailure, validated } from "./errors.ts";
import { QueryHeaders } from "./headers.ts";
import { type LineFormat, ndjson, streamed } from "./lines.ts";
import { examplePaging, metaOf, pageFields, pagingOf, partOf, refuseBesideCursor } from "./page.ts";
import type { Access, Caller, Ports } from "./ports.ts";
import type { Asked, Described, Found } from "./read.ts";
import type { Binding } from "./register.ts";
import { paramNames } from "./route.ts";

/** How long a read waits for the read models to show what its reader wrote. */
const FRESH_TIMEOUT_MS = 2_000;
/** How long a client should wait before it asks again for what the read models do not show yet. */
const RETRY_BEHIND_S = 1;

type Load<Result> = (read: Transaction, asked: Asked) => Promise<Result>;

export const bindQuery = <A>(ports: Ports, path: string, read: Described<A>, load: Load<Found<A> | null>): Binding => {
  const shape = { status: 200, answer: Success(read.output, Empty), example: success(read.example.data) };
  return bindRead(path, read, shape, async (request, reply, asked) => {
    if (!(await isFresh(ports, read, request, reply))) return reply;
    const found = await ports.readAsTenant((transaction) => load(transaction, asked));
    if (found === null) return sendFailure(request, reply, resourceNotFound);
    if (found.revision !== undefined) reply.header("etag", `"${found.revision}"`);
    return success(found);
  });
};

export const bindList = <A>(
  ports: Ports,
  path: string,
  read: Described<A>,
  load: (read: Transaction, asked: Asked<string, Page>) => Promise<Paged<A>>,
): Binding => {
  const query = { ...read.query, ...pageFields };
  const example = success([read.example.data], examplePaging(query));
  const shape = { status: 200, answer: Success(z.array(read.output), pagingOf(query)), example };
  return bindRead(path, { ...read, query }, shape, async (request, reply, asked) => {
    refuseBesideCursor(Object(request.query));
    if (!(await isFresh(ports, read, request, reply))) return reply;
    const given = Object(asked.query);
    const part = { ...asked, query: { ...given, ...partOf(given) } };
    const found = await ports.readAsTenant((transaction) => load(transaction, part));
    return success(found.rows, metaOf(given, query, found));
  });
};

export const bindStream = <A>(
  ports: Ports,
  path: string,
  read: Described<A> & { format?: LineFormat<A> },
  lines: (asked: Asked) => AsyncIterable<A>,
): Binding => {
  const { format = ndjson(read.output), from, output, example } = read;
  const { contentType } = format;
  const line = read.format
    ? { answer: z.string(), example: format.spell(example.data) }
    : { answer: output, example: example.data };
  const binding = bindRead(path, read, { status: 200, contentType, ...line }, async (request, reply, asked) => {
    if (from !== undefined && !(await isFresh(ports, read, request, reply))) return reply;
    return reply.type(`${contentType}; charset=utf-8`).send(await streamed(lines(asked), format));
  });
  return { ...binding, isCompressed: false };
};

type ReadShape = { status: number; answer: z.ZodType; example: unknown; contentType?: string };
type Answering = (request: FastifyRequest, reply: FastifyReply, asked: Asked) => Promise<unknown>;

const bindRead = (path: string, read: Described<unknown>, shape: ReadShape, answering: Answering): Binding => {
  const { name, permission } = read;
  const params = z.strictObject(Object.fromEntries(paramNames(path).map((param) => [param, z.uuid()])));
  const query = z.strictObject(read.query ?? {});
  const { contentType = "application/json", answer, status } = shape;
  return {
    route: {
      method: "GET",
      path,
      name,
      permission,
      status,
      contentType,
      params,
      query,
      headers: contentType === "application/json" ? QueryHeaders : null,
      body: null,
      answer,
      example: { ...read.example, answer: shape.example },
    },
    isCompressed: true,
    handle: (request, reply) => {
      const { caller, access } = admitted(request);
      return answering(request, reply, {
        params: validated(params, request.params),
        query: validated(query, request.query),
        caller,
        access,
      });
    },
  };
};

/** Reads are somebody's: what anybody may see needs no database, and no binder. */
const admitted = ({ auth, access, routeOptions }: FastifyRequest): { caller: Caller; access: Access } => {
  if (auth === null || access === null) throw new Error(`${routeOptions.url} reads without a caller`);
  return { caller: auth, access };
};

/** ES-06: whoever wrote sees it. Otherwise the request is answered here, with 202 and the position to wait for. */
const isFresh = async (
  ports: Ports,
  { from }: Pick<Described<unknown>, "from">,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<boolean> => {
  const { "x-event-position": told = -1n } = validated(QueryHeaders, request.headers);
  const own = ports.writes.lastOf({ userId: request.auth?.actor.id, workspaceId: request.told.workspaceId });
  const position = own > told ? own : told;
  if (await ports.projected.waitFor(position, FRESH_TIMEOUT_MS, from)) return true;
  // A database that is away is behind as well, and has to be told apart: an empty transaction fails then.
  await ports.readAsTenant(async () => undefined);
  await reply
    .code(202)
    .header("retry-after", RETRY_BEHIND_S)
    .send(success(null, { position: String(position) }));
  return false;
};
