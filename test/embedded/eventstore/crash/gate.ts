/** Holds back those who would call a server that is not there. */
export type Gate = {
  open(): void;
  close(): void;
  /** Resolves at once while the gate is open, else when it opens. */
  opened(): Promise<void>;
};

export function createGate(): Gate {
  let passage = Promise.withResolvers<void>();
  return {
    open: () => passage.resolve(),
    close: () => {
      passage = Promise.withResolvers();
    },
    opened: () => passage.promise,
  };
}
