import grpc from "@grpc/grpc-js";
import anys from "google-protobuf/google/protobuf/any_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import statuses from "@pulumi/pulumi/proto/status_pb.js";
import type { Change, Difference } from "./diff.ts";
import { InitFailed } from "./lifecycle.ts";
import { encode, pathText, type JsonObject, type Path } from "./wire.ts";

/** What the engine sends and gets objects as. */
export type Struct = structs.Struct;

export function toStruct(value: JsonObject, secrets: readonly Path[]): Struct {
  return structs.Struct.fromJavaScript(
    JSON.parse(JSON.stringify(encode(value, secrets))) as Parameters<typeof structs.Struct.fromJavaScript>[0],
  );
}

/** What would change, as the engine shows it. */
export function toDiffResponse({ changes, deleteFirst }: Difference): messages.DiffResponse {
  const response = new messages.DiffResponse();
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  response.setChanges(changes.length === 0 ? DIFF_NONE : DIFF_SOME);
  response.setDiffsList([...new Set(changes.map(({ path }) => String(path[0])))]);
  response.setReplacesList(changes.filter(({ replaces }) => replaces).map(({ path }) => pathText(path)));
  response.setDeletebeforereplace(deleteFirst);
  response.setHasdetaileddiff(true);
  for (const change of changes) response.getDetaileddiffMap().set(pathText(change.path), toPropertyDiff(change));
  return response;
}

function toPropertyDiff({ is, replaces, asked }: Change): messages.PropertyDiff {
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = messages.PropertyDiff.Kind;
  const kinds = {
    added: [ADD, ADD_REPLACE],
    removed: [DELETE, DELETE_REPLACE],
    changed: [UPDATE, UPDATE_REPLACE],
  } as const;
  const diff = new messages.PropertyDiff();
  diff.setKind(kinds[is][replaces ? 1 : 0]);
  diff.setInputdiff(asked);
  return diff;
}

/** An error as the engine reads it; one that left a resource behind carries what it is. */
export function toServiceError(error: unknown, secrets: readonly Path[], inputs: JsonObject): grpc.ServiceError {
  const known = error instanceof Error ? error : new Error(String(error));
  const metadata = new grpc.Metadata();
  if (error instanceof InitFailed)
    metadata.add("grpc-status-details-bin", Buffer.from(initFailed(error, secrets, inputs)));
  return Object.assign(new Error(known.message), { code: grpc.status.UNKNOWN, details: known.message, metadata });
}

function initFailed({ message, made, reasons }: InitFailed, secrets: readonly Path[], inputs: JsonObject): Uint8Array {
  const detail = new messages.ErrorResourceInitFailed();
  detail.setId(made.id);
  detail.setProperties(toStruct(made.state, secrets));
  detail.setReasonsList([...reasons]);
  detail.setInputs(toStruct(inputs, secrets));
  const any = new anys.Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statuses.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(any);
  return status.serializeBinary();
}
