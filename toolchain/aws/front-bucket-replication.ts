import { givenOfBucket } from "./front-bucket-given.ts";
import type { AwsHandler } from "./front-wire.ts";

/** Rules of a bucket's replication as they were given: moto tells no encryption of copies, and that deletions are not copied. */
export function bucketReplication(): AwsHandler {
  return givenOfBucket("replication");
}
