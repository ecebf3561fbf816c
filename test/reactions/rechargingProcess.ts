import { rechargeSide, recharging } from "./rechargeSide.ts";

/* A process that recharges until it comes to the point that it is told to stop at, says so, and never goes on. */
const [eventStore = "", database = "", url = "", point = ""] = process.argv.slice(2);

const stopAt = async (here: string): Promise<void> => {
  if (here !== point) return;
  process.send?.(here);
  await new Promise<never>(() => undefined);
};

const stack = new AsyncDisposableStack();
const side = rechargeSide({ eventStore, database }, stack);
recharging(
  side,
  {
    url,
    change: ({ handler, payments, now }) => ({
      now,
      payments: {
        charge: async (request) => {
          await stopAt("before the charge");
          const outcome = await payments.charge(request);
          await stopAt("between charge and settlement");
          return outcome;
        },
      },
      handler: {
        stateOf: handler.stateOf,
        handle: async (...asked) => {
          const outcome = await handler.handle(...asked);
          await stopAt("after the settlement");
          return outcome;
        },
      },
    }),
  },
  stack,
);
