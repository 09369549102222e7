import { z } from "zod";

/** From which value on something is a warning, and from which on it is bad. */
const limits = (warning: number, bad: number, max: number) =>
  z
    .strictObject({
      warning: z.number().min(0).max(max).default(warning),
      bad: z.number().min(0).max(max).default(bad),
    })
    .refine((own) => own.warning <= own.bad, { path: ["warning"], error: "must not be above bad" })
    .prefault({});

/** The same for what is worse the less there is. */
const leasts = (warning: number, bad: number, max: number) =>
  z
    .strictObject({
      warning: z.number().min(0).max(max).default(warning),
      bad: z.number().min(0).max(max).default(bad),
    })
    .refine((own) => own.warning >= own.bad, { path: ["warning"], error: "must not be below bad" })
    .prefault({});

/** What `slipway health` looks at, in its order. */
export const HEALTH_CHECKS = [
  "containers",
  "routes",
  "network",
  "database",
  "queues",
  "speech",
  "artifacts",
  "cpu",
  "memory",
  "disk",
  "logs",
  "certificates",
  "backups",
] as const;
export type HealthCheckName = (typeof HEALTH_CHECKS)[number];

/** Thresholds of `slipway health`, and who hears of it; `slipway:health` of a stack's file. */
export const healthSchema = z.strictObject({
  /** What is not looked at, such as `backups` where somebody else makes them. */
  ignore: z.array(z.enum(HEALTH_CHECKS)).default([]),
  /** How long the oldest job that may run has waited. */
  queueSeconds: limits(60, 600, 86_400),
  /** Of what a container may take. */
  cpuPercent: limits(90, 100, 1000),
  memoryPercent: limits(85, 95, 100),
  /** What is free of the disks of data. */
  diskFreePercent: leasts(20, 10, 100),
  /** Lines at level error or above in the last `logMinutes`. */
  errorLines: limits(1, 100, 1_000_000),
  logMinutes: z.number().int().min(1).max(1440).default(10),
  /** Days that a certificate is good for. */
  certificateDays: leasts(21, 7, 3650),
  /** Hours since the last backup ended. */
  backupHours: limits(26, 50, 8760),
  /**
   * Who gets an e-mail of `slipway health --alert`; the server is the secret `alertSmtp`, such as smtps://user:password@mail.example.org. A webhook is the
   * secret `alertWebhook`. @default none
   */
  mail: z.strictObject({ from: z.email(), to: z.array(z.email()).min(1).max(20) }).optional(),
});

export type HealthSettings = z.infer<typeof healthSchema>;

/** What holds where the file leaves `health` out. */
export function healthSettings(given: unknown): HealthSettings {
  return healthSchema.parse(given ?? {});
}
