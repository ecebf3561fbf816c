/**
 * What a consumer is to handle, without its contents: they are read from the log whenever it is sent, so that messages
 * that wait for an answer cost little memory however many and however large they are.
 */
export type Message = {
  /** What a consumer answers with: the link's id where there is a link, the event's otherwise. */
  readonly id: string;
  /** Whether it comes from what the group reads, or from what the group parked and reads again. */
  readonly origin: "source" | "parked";
  /** Its place there: a revision, or a position of all streams. */
  readonly sequence: number;
  /** Where its record is stored. */
  readonly stream: string;
  readonly revision: number;
  /** Messages that are alike in this go to the same consumer, if the group's strategy pins them. */
  readonly affinity: string;
  /** How often it was delivered before. */
  readonly retries: number;
};

export const isBefore = (one: Message, other: Message): boolean =>
  one.origin === other.origin ? one.sequence < other.sequence : one.origin === "source";
