/** The program of one place of the worker's pool, a process or a thread. It runs under a worker only. */
import { runPlace } from "./pool/run-place.ts";

runPlace();
