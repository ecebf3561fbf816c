import { AsyncLocalStorage } from "node:async_hooks";

/** For whom something happens. What is not given is nobody's. */
export type TenantContext = {
  readonly organizationId?: string | undefined;
  readonly workspaceId?: string | undefined;
  readonly userId?: string | undefined;
  readonly requestId?: string | undefined;
};

/** A bug: the rows of a tenant were asked for where nobody had said whose. */
export class NoTenantContext extends Error {
  override readonly name = "NoTenantContext";

  constructor() {
    super("the rows of a tenant are read in a tenant's context alone");
  }
}

const storage = new AsyncLocalStorage<TenantContext>();

/** TEN-02: goes along with a request through all that it waits for: nobody hands a tenant on, or another one. */
export const tenantContext = {
  run: <T>(context: TenantContext, work: () => T): T => storage.run(context, work),

  /** Errors: `NoTenantContext`. */
  current: (): TenantContext => {
    const context = storage.getStore();
    if (context === undefined) throw new NoTenantContext();
    return context;
  },

  /** Items that are asked for later, by a socket that knows no request, are made in the context of now. */
  kept: <T>(items: AsyncIterable<T>): AsyncIterable<T> => {
    const inContext = AsyncLocalStorage.snapshot();
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = inContext(() => items[Symbol.asyncIterator]());
        return {
          next: () => inContext(() => iterator.next()),
          return: async (value?: unknown) => (await inContext(() => iterator.return?.(value))) ?? { done: true, value },
        };
      },
    };
  },
};
