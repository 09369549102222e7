import { ParameterGroup } from "@pulumi/aws/rds/parameterGroup.js";
import type { Output } from "@pulumi/pulumi";
import type { DatabaseSettings } from "../../configs/aws-data-settings.ts";
import type { ResolvedSize } from "../plan/sizes.ts";
import { options, tagged, type AwsPlace } from "./place.ts";

export interface ParameterArgs {
  readonly settings: Pick<DatabaseSettings, "engineVersion" | "slowStatementMs">;
  readonly size: Pick<ResolvedSize["database"], "maxConnections">;
  readonly place: AwsPlace;
}

/** `immediate` where Postgres takes a change while it runs. */
type Parameter = readonly [name: string, value: string, applyMethod: "immediate" | "pending-reboot"];

function parameters({ settings, size }: ParameterArgs): readonly Parameter[] {
  return [
    ["max_connections", String(size.maxConnections), "pending-reboot"],
    ["rds.force_ssl", "1", "pending-reboot"],
    ["ssl_min_protocol_version", "TLSv1.2", "pending-reboot"],
    ["password_encryption", "scram-sha-256", "immediate"],
    ["log_connections", "1", "immediate"],
    ["log_disconnections", "1", "immediate"],
    ["log_lock_waits", "1", "immediate"],
    ["log_temp_files", "10240", "immediate"],
    ["log_min_duration_statement", String(settings.slowStatementMs), "immediate"],
    // Values of statements are customers' texts, and `ddl` would write down the passwords of roles.
    ["log_parameter_max_length", "0", "immediate"],
    ["log_parameter_max_length_on_error", "0", "immediate"],
    ["log_statement", "none", "immediate"],
  ];
}

/** What Postgres of the stack is set to, whichever of its generations. */
export function parameterGroup(args: ParameterArgs): Output<string> {
  const { settings, place } = args;
  const major = settings.engineVersion.split(".")[0] ?? "";
  // By its name, so that an upgrade to another major version makes another group beside this one.
  const name = `database-${major}`;
  const group = new ParameterGroup(
    name,
    {
      family: `postgres${major}`,
      description: "Postgres of the stack",
      parameters: parameters(args).map(([key, value, applyMethod]) => ({ name: key, value, applyMethod })),
      tags: tagged(place, name),
    },
    options(place),
  );
  return group.name;
}
