import type { z } from "zod";
import type { Projection } from "../projections/projection.ts";
import type { Access, Caller } from "./ports.ts";
import type { Example, PathParams } from "./route.ts";

export type Shape = Readonly<Record<string, z.ZodType>>;
export type Fields<Q extends Shape> = { readonly [N in keyof Q]: z.output<Q[N]> };

/** What a read may use: who asks, why they may, and what they asked for, all of it validated. */
export type Asked<Path extends string = string, Query = unknown> = {
  params: Readonly<Record<PathParams<Path>, string>>;
  query: Query;
  caller: Caller;
  access: Access;
};

/** A row that knows the revision it stands for is answered with it as ETag. */
export type Found<A> = A & { revision?: number | bigint };

/** `output` is the schema of one resource, row or line; `from` the read models it shows, all of them unless told. */
export type Described<A, Q extends Shape = Shape> = {
  name: string;
  permission: string;
  output: z.ZodType<A>;
  example: Example<A>;
  query?: Q;
  from?: readonly Pick<Projection, "name">[];
};
