/** FND-16: what part of a list is asked for. */
export type Page = { limit: number; offset: number };

/** The rows of that part, and how many there are in all. */
export type Paged<Row> = { rows: Row[]; total: number };
