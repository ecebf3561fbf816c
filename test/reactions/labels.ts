import { reaction } from "../../src/reactions/reaction.ts";
import { jar } from "../projections/jars.ts";

/** Does something about the labels that one jar is given, or several. */
export const onLabels = (
  name: string,
  jarIds: readonly string[],
  effect: (label: string, eventId: string) => Promise<void>,
) =>
  reaction({
    name,
    of: [jar],
    when: { JarLabelled: async (data, { id }) => (jarIds.includes(data.jarId) ? effect(data.label, id) : undefined) },
  });
