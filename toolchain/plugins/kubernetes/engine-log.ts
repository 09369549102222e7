import grpc from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/engine_pb.js";

/** Tells people what happens, through the engine's display. */
export interface EngineLog {
  /** A line that stays. @param urn the resource that it is about */
  info(urn: string, message: string): void;
  /** What is waited for: the newest replaces the one before. */
  progress(urn: string, message: string): void;
}

/** @param address of the engine; without one nothing is told */
export function createEngineLog(address: string | undefined): EngineLog {
  if (address === undefined) return { info: () => undefined, progress: () => undefined };
  const client = new services.EngineClient(address, grpc.credentials.createInsecure());
  const tell = (urn: string, message: string, ephemeral: boolean) => {
    const request = new messages.LogRequest();
    request.setSeverity(messages.LogSeverity.INFO);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    // An engine that went away needs no words.
    client.log(request, () => undefined);
  };
  return {
    info: (urn, message) => {
      tell(urn, message, false);
    },
    progress: (urn, message) => {
      tell(urn, message, true);
    },
  };
}
