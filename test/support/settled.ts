import { type Answer, expectStatus } from "./client.ts";

/** A read's data: what is answered with 202, because the read models are behind, is asked for again. */
export const settled = async (ask: () => Promise<Answer>) => expectStatus(200, await settledAnswer(ask));

/** Of about two seconds each: who is behind for longer does not move any more. */
const ASKED_MAX = 20;

export const settledAnswer = async (ask: () => Promise<Answer>): Promise<Answer> => {
  for (let asked = 0; asked < ASKED_MAX; asked += 1) {
    const answer = await ask();
    if (answer.status !== 202) return answer;
  }
  throw new Error("the read models do not come to show what was written");
};
