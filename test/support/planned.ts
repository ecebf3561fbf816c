import { planningOperations } from "../../src/commands/planning.ts";
import { idName } from "../../src/kernel/resource.ts";
import { streams } from "../spec.ts";

/** The ten kinds, parents first. */
export const plannedKinds = Object.entries(planningOperations({ handler: noHandler(), blindIndex: () => "" })).map(
  ([path, { resource }]) => ({ path, noun: resource.noun, idName: idName(resource), resource }),
);

/** Nothing is written with it: it is asked which kinds there are. */
function noHandler() {
  const handle = () => Promise.reject(new Error("nothing is to be written here"));
  return { ...streams(), handle };
}

let products = 0;

/** What one of a kind is made of: its example, below its parent among `ids`, called by a word where one is given. */
export const planned = (
  kind: string,
  { ids, word }: { ids: Readonly<Record<string, string>>; word?: string },
): Readonly<Record<string, unknown>> => {
  const resource = plannedKinds.find((each) => each.idName === kind)?.resource;
  if (!resource) throw new Error(`nothing that is planned is called ${kind}`);
  const [parent] = resource.parents;
  products += 1;
  const naming = "title" in resource.example ? { title: word } : { name: word };
  return {
    ...resource.example,
    ...(word === undefined ? {} : naming),
    ...(parent ? { parentId: ids[idName(parent)] } : { key: `P${products}` }),
  };
};
