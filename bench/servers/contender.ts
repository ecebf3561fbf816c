/** A running server that debits wallets, and what its workers sign in with. */
export type Contender = {
  name: "baseline" | "pgledger" | "everfold";
  port: number;
  token: string;
  /** Of whoever opens wallets and pays in, where workers may not. */
  ownerToken?: string;
  pid: number;
  stop(): Promise<void>;
};

type Reply = { status: number; data: Record<string, unknown>; meta: Record<string, unknown> };

/** A call to the API both contenders have; what is refused throws. */
export const call = async (
  { port, token }: { port: number; token?: string },
  method: "GET" | "POST",
  path: string,
  body?: object,
): Promise<Reply> => {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method,
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  const { data, meta }: Omit<Reply, "status"> = JSON.parse(text);
  return { status: response.status, data, meta };
};

/** Credits for more debits of one than any load can send. */
export const creditsEach = 1_000_000_000;

const OPENING_MAX = 16;

export const openWallets = async ({ port, token, ownerToken }: Contender, count: number): Promise<string[]> => {
  const owner = { port, token: ownerToken ?? token };
  const open = async (number: number): Promise<string> => {
    const { data } = await call(owner, "POST", "/workspaces", { name: `Wallet ${number}` });
    const wallet = String(data["id"]);
    const prepaid = { amount: creditsEach, description: "Prepaid" };
    await call(owner, "POST", `/workspaces/${wallet}/billing/credits`, prepaid);
    return wallet;
  };
  return inParallel(
    Array.from({ length: count }, (_, index) => index + 1),
    OPENING_MAX,
    open,
  );
};

/** So many at a time; the results in the order of the items. */
export const inParallel = async <T, R>(
  items: readonly T[],
  atOnceMax: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> => {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  return results;
};
