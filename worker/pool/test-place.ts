/** A place with kinds that misbehave; the tests of the pool start it as process and as thread. */
import { runPlace } from "./run-place.ts";
import { TEST_KINDS } from "./test-kinds.ts";

runPlace(async () => TEST_KINDS);
