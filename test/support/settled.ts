import { type Answer, expectStatus } from "./client.ts";

/** A read's data: what is answered with 202, because the read models are behind, is asked for again. */
export const settled = async (ask: () => Promise<Answer>) => expectStatus(200, await settledAnswer(ask));

export const settledAnswer = async (ask: () => Promise<Answer>): Promise<Answer> => {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 202) return answer;
  }
};
