import { at, beside, given, input, is, oneOf, parameter, value } from "../checks.ts";
import { isAnybody, someStatement, type Statement } from "../documents.ts";
import type { Checked, Holds, Rule } from "../rule.ts";
import { AWS, BUCKET } from "../types.ts";
import { UNKNOWN } from "../unknown.ts";

const HTTPS: readonly unknown[] = [UNKNOWN, "HTTPS", "TLS"];

const isHttps = (resource: Checked) => HTTPS.includes(input(resource, "protocol"));

const whereHttps = (holds: Holds): Holds =>
  Object.assign(((resource, all) => !isHttps(resource) || holds(resource, all)) satisfies Holds, {
    ...(holds.asks && { asks: holds.asks }),
  });

const isDenial = (one: Statement) => one["Effect"] === "Deny" && isAnybody(one);

export const encryptedInTransit: Rule = {
  name: "encrypted-in-transit",
  description: "Databases, caches, buckets and the way in speak TLS 1.2 or newer alone.",
  mend: "Ask for TLS, and refuse what comes without.",
  checks: {
    [AWS.databaseParameters]: {
      "speaks TLS alone": parameter("rds.force_ssl", "1"),
      "speaks no old TLS": parameter("ssl_min_protocol_version", "TLSv1.2"),
      "keeps passwords by SCRAM": parameter("password_encryption", "scram-sha-256"),
    },
    [AWS.cache]: {
      "speaks TLS": is("transitEncryptionEnabled", true),
      "speaks TLS alone": is("transitEncryptionMode", "required"),
      "asks for a password": given("authToken"),
    },
    [AWS.listener]: {
      "speaks no old TLS": whereHttps(
        oneOf("sslPolicy", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"),
      ),
      "passes on nothing in clear": (resource) =>
        isHttps(resource) || at(resource.inputs, "defaultActions", 0, "redirect", "protocol") === "HTTPS",
      "tells browsers to speak TLS alone": whereHttps(
        value(
          "routingHttpResponseStrictTransportSecurityHeaderValue",
          "max-age of four months or more",
          (found) => typeof found === "string" && /^max-age=\d{8}/.test(found),
        ),
      ),
    },
    [BUCKET.policy]: {
      "denies what is not by TLS": someStatement(
        "policy",
        (one) =>
          isDenial(one) && one["Action"] === "s3:*" && at(one, "Condition", "Bool", "aws:SecureTransport") === "false",
      ),
      "denies old TLS": someStatement(
        "policy",
        (one) => isDenial(one) && at(one, "Condition", "NumericLessThan", "s3:TlsVersion") === "1.2",
      ),
    },
  },
  beside: {
    [BUCKET.itself]: { "has a policy": beside(BUCKET.policy, "bucket") },
  },
};
