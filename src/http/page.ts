import { z } from "zod";
import type { Page, Paged } from "../projections/page.ts";
import { invalid } from "./errors.ts";

const PAGE_SIZE = 20;
const PAGE_SIZE_MAX = 100;
/** Far beyond any list, and far below where an offset would stop being exact. */
const PAGE_MAX = 1_000_000;

export const pageFields = {
  page: z.coerce.number().int().min(1).max(PAGE_MAX).default(1),
  limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(PAGE_SIZE),
};
const PageQuery = z.object(pageFields);

const Paging = z.object({ page: z.int(), limit: z.int(), total: z.int() });
/** Of lists that go on by a cursor, which have no numbers of pages then. */
const ContinuedPaging = Paging.extend({
  page: z.int().optional(),
  nextCursor: z.string().nullable().describe("Send it as `cursor`, with `limit` alone; null on the last page"),
});

type Query = Readonly<Record<string, unknown>>;

/** Lists whose query knows a cursor are read on with it. */
const isContinuable = (query: object): boolean => "cursor" in query;

export const pagingOf = (query: object): z.ZodObject => (isContinuable(query) ? ContinuedPaging : Paging);

export const examplePaging = (query: object): Query => {
  const paging = { page: 1, limit: PAGE_SIZE, total: 1 };
  return isContinuable(query) ? { ...paging, nextCursor: null } : paging;
};

/** What part of a list is asked for. */
export const partOf = (query: Query): Page => {
  const { page, limit } = PageQuery.parse(query);
  return { limit, offset: (page - 1) * limit };
};

export const metaOf = (query: Query, shape: object, { total, next }: Paged<unknown>): Query => {
  const { page, limit } = PageQuery.parse(query);
  if (!isContinuable(shape)) return { page, limit, total };
  return { ...(query["cursor"] === undefined && { page }), limit, total, nextCursor: next ?? null };
};

/** A cursor brings the rest of what was asked for: beside it, something else would have to be passed over. */
export const refuseBesideCursor = (given: object): void => {
  if (!isContinuable(given)) return;
  const others = Object.keys(given).filter((field) => field !== "cursor" && field !== "limit");
  if (others.length > 0)
    throw invalid(others.map((path) => ({ path, message: "A cursor brings this: send it with limit alone" })));
};

/** Of short lists, which are loaded as a whole. */
export const paged = <Row>(rows: readonly Row[], { limit, offset }: Page): Paged<Row> => ({
  rows: rows.slice(offset, offset + limit),
  total: rows.length,
});
