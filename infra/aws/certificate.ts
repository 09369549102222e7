import { Certificate } from "@pulumi/aws/acm/certificate.js";
import { CertificateValidation } from "@pulumi/aws/acm/certificateValidation.js";
import { Record as DnsRecord } from "@pulumi/aws/route53/record.js";
import type { Output } from "@pulumi/pulumi";
import { options, tagged, type AwsPlace } from "./place.ts";

export interface CertificateArgs {
  readonly host: string;
  /** Route 53 zone in which the host's name stands. */
  readonly zoneId: string;
  readonly place: AwsPlace;
}

/** A zone that nobody asks for is waited for in vain. */
const TIMEOUTS = { create: "30m" } as const;

/**
 * A certificate for the public name, which ACM renews by itself as long as its record stands in the zone.
 *
 * @returns its ARN, known once it is issued
 */
export function certificate({ host, zoneId, place }: CertificateArgs): Output<string> {
  const made = new Certificate(
    "edge",
    { domainName: host, validationMethod: "DNS", tags: tagged(place, "edge") },
    options(place),
  );
  const wanted = made.domainValidationOptions.apply(([first]) => {
    if (first === undefined)
      throw new Error(`ACM names no record that would prove ${host}. Refresh the stack, then try again.`);
    return first;
  });
  const record = new DnsRecord(
    "certificate",
    {
      zoneId,
      name: wanted.resourceRecordName,
      type: wanted.resourceRecordType,
      records: [wanted.resourceRecordValue],
      ttl: 300,
    },
    options(place),
  );
  const issued = new CertificateValidation(
    "edge",
    { certificateArn: made.arn, validationRecordFqdns: [record.fqdn] },
    options(place, { customTimeouts: TIMEOUTS }),
  );
  return issued.certificateArn;
}
