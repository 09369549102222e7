/** A resource as a policy sees it: in a preview, in a deploy, or as a test recorded it. */
export interface Checked {
  /** `docker:index/container:Container`, for instance. */
  readonly type: string;
  /** Logical name. */
  readonly name: string;
  readonly urn: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Whether Pulumi refuses to delete it. */
  readonly isProtected: boolean;
  /** URNs of the resources that an input's value comes from. */
  readonly sources: Readonly<Record<string, readonly string[]>>;
}

export interface Asks {
  readonly path: string;
  readonly wanted: string;
  /** Whether it is a choice: a text that stands there is no secret. @default false */
  readonly isChoice?: boolean;
}

/** Whether something holds of a resource, among all of its stack. */
export interface Holds {
  (resource: Checked, all: readonly Checked[]): boolean;
  /** Where it looks, and what must stand there; for messages. */
  readonly asks?: Asks;
}

/** What has to hold of every resource of a type, by what is said of one of which it holds: "is encrypted". */
export type Checks = Readonly<Record<string, Readonly<Record<string, Holds>>>>;

/** What has to hold of a stack, under one name. */
export interface Rule {
  /** In messages and exceptions, such as `encrypted-at-rest`. */
  readonly name: string;
  /** What it is for, in a sentence. */
  readonly description: string;
  /** How a resource is mended. */
  readonly mend: string;
  /** Stacks of which it has to hold. `kept`: prod, unless `slipway:teardown` takes it down. @default all */
  readonly of?: "prod" | "kept";
  /** What one resource says of itself: looked at before anything of it is changed. */
  readonly checks?: Checks;
  /** What takes several resources: looked at once all of them are known. */
  readonly beside?: Checks;
}

/** A resource of a rule's exceptions. */
export interface Exception {
  readonly rule: string;
  readonly type: string;
  /** Its logical name. */
  readonly name: RegExp;
  /** What of the rule it is excepted from. @default all of it */
  readonly from?: readonly string[];
  /** Why that is right, for who reads it in a year. */
  readonly reason: string;
}

/** Something that does not hold. */
export interface Violation {
  readonly rule: string;
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Such as "is encrypted". */
  readonly what: string;
  readonly message: string;
}
