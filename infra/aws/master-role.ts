import { jsonStringify, type Input } from "@pulumi/pulumi";
import type { Cluster } from "./cluster.ts";
import type { AwsAccount, AwsPlace } from "./place.ts";
import { podIdentity, type PodIdentity } from "./pod-identity.ts";

export interface MasterRoleArgs {
  /** ARN of the secret that RDS keeps of its master user. */
  readonly secretArn: Input<string>;
  /** ARN of the KMS key that encrypts it. */
  readonly keyArn: Input<string>;
  readonly namespace: string;
  readonly cluster: Pick<Cluster, "name" | "arn">;
  readonly account: AwsAccount;
  readonly place: AwsPlace;
}

/** The role of the step that makes the product's roles in the database: it reads that one secret, through Secrets Manager alone. */
export function masterRole({ secretArn, keyArn, ...args }: MasterRoleArgs): PodIdentity {
  return podIdentity({
    ...{
      name: "prepare",
      description: "Step that makes the roles of the database",
      serviceAccount: "prepare",
      ...args,
    },
    policy: jsonStringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: secretArn },
        {
          Effect: "Allow",
          Action: ["kms:Decrypt"],
          Resource: keyArn,
          Condition: { StringEquals: { "kms:ViaService": `secretsmanager.${args.account.region}.amazonaws.com` } },
        },
      ],
    }),
  });
}
