import { type Pool, readAsTenant, type Transaction } from "../../src/platform/postgres.ts";
import { type TenantContext, tenantContext } from "../../src/platform/tenantContext.ts";

/** Reads as a request of this tenant would. */
export const readAs = <T>(
  pool: Pool,
  tenant: TenantContext,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> => tenantContext.run(tenant, () => readAsTenant(pool, work));
