/** One statement of a key's policy; its resource is the key itself, which KMS writes as a star. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Principal: Readonly<Record<string, string>>;
  readonly Action: readonly string[];
  readonly Resource: "*";
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** Everything about a key but what it encrypts. */
export const ADMINISTER = [
  ...["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:GetPublicKey"],
  ...["kms:ListGrants", "kms:ListKeyPolicies", "kms:ListKeyRotations", "kms:ListResourceTags"],
  ...["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias", "kms:UpdateKeyDescription"],
  ...["kms:EnableKey", "kms:DisableKey", "kms:EnableKeyRotation", "kms:DisableKeyRotation", "kms:RotateKeyOnDemand"],
  ...["kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource"],
  ...["kms:RevokeGrant", "kms:RetireGrant", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"],
] as const;

/** To encrypt. */
export const SEAL = [
  ...["kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
  ...["kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"],
] as const;

/** To read what was encrypted. */
export const OPEN = ["kms:Decrypt"] as const;

export function statement(
  Sid: string,
  Principal: Statement["Principal"],
  Action: readonly string[],
  Condition: NonNullable<Statement["Condition"]> = {},
): Statement {
  const conditions = Object.keys(Condition).length === 0 ? {} : { Condition };
  return { Sid, Effect: "Allow", Principal, Action, Resource: "*", ...conditions };
}
