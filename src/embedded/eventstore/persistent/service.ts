import type {
  CreateReq,
  CreateResp,
  DeleteReq,
  DeleteResp,
  GetInfoReq,
  GetInfoResp,
  ListReq,
  ListResp,
  ReplayParkedReq,
  ReplayParkedResp,
  UpdateReq,
  UpdateResp,
} from "@eventstore/db-client/generated/persistent_pb.js";
import persistent from "@eventstore/db-client/generated/persistent_pb.js";
import type { Empty } from "@eventstore/db-client/generated/shared_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import type { createCallGuard } from "../protocol/callGuard.ts";
import { groupDoesNotExist } from "./errors.ts";
import type { Groups } from "./groups.ts";
import { infoResponse, listResponse } from "./infoResponses.ts";
import { createReadHandler } from "./readCall.ts";
import { createRequest, deleteRequest, infoRequest, listRequest, replayRequest, updateRequest } from "./requests.ts";

type CallGuard = ReturnType<typeof createCallGuard>;

/** The PersistentSubscriptions service over the store's groups. */
export function createPersistentService(groups: Groups, guard: CallGuard, onFailure: (error: unknown) => void) {
  const create = async (request: CreateReq): Promise<CreateResp> => {
    await groups.create(createRequest(request));
    return new persistent.CreateResp();
  };
  const update = async (request: UpdateReq): Promise<UpdateResp> => {
    await groups.update(updateRequest(request));
    return new persistent.UpdateResp();
  };
  const remove = async (request: DeleteReq): Promise<DeleteResp> => {
    await groups.delete(deleteRequest(request));
    return new persistent.DeleteResp();
  };
  const getInfo = async (request: GetInfoReq): Promise<GetInfoResp> =>
    infoResponse(await groups.statusOf(infoRequest(request)));

  const list = async (request: ListReq): Promise<ListResp> => {
    const source = listRequest(request);
    const statuses = await groups.statuses(source);
    if (source !== undefined && statuses.length === 0) throw groupDoesNotExist({ source, group: "" });
    return listResponse(statuses);
  };
  const replayParked = async (request: ReplayParkedReq): Promise<ReplayParkedResp> => {
    const { name, stopAt } = replayRequest(request);
    const group = await groups.find(name);
    await group.replayParked(stopAt);
    return new persistent.ReplayParkedResp();
  };
  const restartSubsystem = async (): Promise<Empty> => {
    groups.restart();
    return new shared.Empty();
  };
  return {
    create: guard.unary(create),
    update: guard.unary(update),
    delete: guard.unary(remove),
    read: guard.duplex(createReadHandler(groups, onFailure)),
    getInfo: guard.unary(getInfo),
    list: guard.unary(list),
    replayParked: guard.unary(replayParked),
    restartSubsystem: guard.unary(restartSubsystem),
  };
}
