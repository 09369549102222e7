/** A plan that cannot be carried out as the stack's file has it. The message lists every fault. */
export class PlanError extends Error {
  readonly faults: readonly string[];

  /**
   * @param stack  the stack's name
   * @param what   what was planned: `network`, `node pools`
   * @param faults each says where, what was got, what is allowed and how to mend it
   */
  constructor(stack: string, what: string, faults: readonly string[]) {
    super(
      `The ${what} of Pulumi.${stack}.yaml: ${faults.length} fault${faults.length === 1 ? "" : "s"}; nothing was created or changed.\n` +
        faults.map((fault) => `  - ${fault}`).join("\n"),
    );
    this.name = "PlanError";
    this.faults = faults;
  }
}
