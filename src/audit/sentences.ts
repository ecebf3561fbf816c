/** `plural` where it is not `what` and an s. */
export const several = (count: number, what: string, plural = `${what}s`): string =>
  `${count} ${count === 1 ? what : plural}`;
