/** All there are, however many: each page begins behind the last one of the page before, until one is not full. */
export async function* byPages<T>(
  size: number,
  pageAfter: (last: T | null, size: number) => Promise<readonly T[]>,
): AsyncGenerator<T, undefined> {
  for (let last: T | null = null; ; ) {
    const page: readonly T[] = await pageAfter(last, size);
    yield* page;
    if (page.length < size) return undefined;
    last = page.at(-1) ?? null;
  }
}
