import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { Operation } from "../commands/operation.ts";
import type { Command, EventDefs } from "../kernel/decider.ts";
import type { Transaction } from "../platform/postgres.ts";
import type { Page, Paged } from "../projections/page.ts";
import { bindCommand, type CommandOptions } from "./commandRoute.ts";
import type { LineFormat } from "./lines.ts";
import type { Ports } from "./ports.ts";
import { bindList, bindQuery, bindStream } from "./queryRoute.ts";
import type { Asked, Described, Fields, Found, Shape } from "./read.ts";
import { type Binding, register } from "./register.ts";
import { API_PREFIX, type Method, type PathOver, type Route } from "./route.ts";

/** How features become routes: one line a command, one definition a read. Paths are relative to `/api/v1`. */
export type App = {
  /** The path names some of the input's fields, the body carries the rest. */
  command<Path extends string, I extends z.ZodObject, A, D extends EventDefs, S>(
    method: Exclude<Method, "GET">,
    path: PathOver<Path, z.output<I>>,
    source: Operation<I, A> | Command<I, D, S, A>,
    options: CommandOptions<I, A>,
  ): void;
  /** One resource; null is 404. Parameters of the path are UUIDs. */
  query<Path extends string, A, Q extends Shape = Record<never, never>>(
    path: Path,
    definition: Described<A, Q> & {
      load: (read: Transaction, asked: Asked<Path, Fields<Q>>) => Promise<Found<A> | null>;
    },
  ): void;
  /** A page of rows and how many there are in all (FND-16). */
  list<Path extends string, A, Q extends Shape = Record<never, never>>(
    path: Path,
    definition: Described<A, Q> & {
      load: (read: Transaction, asked: Asked<Path, Fields<Q> & Page>) => Promise<Paged<A>>;
    },
  ): void;
  /** NDJSON unless told, as fast as it is read. What is not `from` read models has nothing to wait for. */
  stream<Path extends string, A, Q extends Shape = Record<never, never>>(
    path: Path,
    definition: Described<A, Q> & {
      format?: LineFormat<A>;
      lines: (asked: Asked<Path, Fields<Q>>) => AsyncIterable<A>;
    },
  ): void;
};

/** Routes come into being on `server` as features bind them; `routes` is where they are written down. */
export const createApp = (server: FastifyInstance, ports: Ports, routes: Route[]): App => {
  const add = (binding: Binding): void => {
    const route = { ...binding.route, path: `${API_PREFIX}${binding.route.path}` };
    register(server, ports, { ...binding, route });
    routes.push(route);
  };
  // The fields of a read are known to whoever defines it; from here on only to its schemas, which check each request.
  return {
    command: (method, path, source, options) => add(bindCommand(ports, method, path, source, options)),
    query: (path, { load, ...read }) => add(bindQuery(ports, path, read, load as never)),
    list: (path, { load, ...read }) => add(bindList(ports, path, read, load as never)),
    stream: (path, { lines, ...read }) => add(bindStream(ports, path, read, lines as never)),
  };
};
