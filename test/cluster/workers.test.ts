import { afterAll, beforeAll, describe } from "vitest";
import { keepEvidence } from "./evidence.ts";
import { evictionCases } from "./eviction-cases.ts";
import { markingCases } from "./marking-cases.ts";
import { Product } from "./product.ts";
import { scalingCases } from "./scaling-cases.ts";

/** The product on a real node, and its workers: who works is marked, is sent away by those who may, and comes and goes with the jobs. */
let product: Product;
beforeAll(async () => {
  product = await Product.deploy({ "worker.concurrency": "1", "worker.replicas": "3", "worker.cpus": "0.2" });
});
afterAll(() => product.leave());
keepEvidence(() => product);

describe("marks", () => {
  markingCases(() => product);
});
describe("evictions", () => {
  evictionCases(() => product);
});
describe("scaling", () => {
  scalingCases(() => product);
});
