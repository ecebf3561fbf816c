/** FND-16: what part of a list is asked for. */
export type Page = { limit: number; offset: number };

/** The rows of that part, how many there are in all, and a cursor where lists go on by one. */
export type Paged<Row> = { rows: Row[]; total: number; next?: string };

/** Beyond the last row none are looked up: an offset costs all that it skips. */
export const paged = async <Row>({ offset }: Page, total: number, load: () => Promise<Row[]>): Promise<Paged<Row>> => ({
  rows: offset < total ? await load() : [],
  total,
});
