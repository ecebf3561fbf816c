/** A running server that debits wallets, and somebody who is signed in to it. */
export type Contender = {
  name: "baseline" | "everfold";
  port: number;
  token: string;
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

export const openWallets = async (contender: Contender, count: number): Promise<string[]> => {
  const wallets: string[] = [];
  while (wallets.length < count) {
    const { data } = await call(contender, "POST", "/workspaces", { name: `Wallet ${wallets.length + 1}` });
    const wallet = String(data["id"]);
    await call(contender, "POST", `/workspaces/${wallet}/billing/credits`, {
      amount: creditsEach,
      description: "Prepaid",
    });
    wallets.push(wallet);
  }
  return wallets;
};
