package main

import (
	"maps"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

type fields = map[string]*tfbridge.SchemaInfo

// resources lists what infra/aws uses. A new one is a line here, and its service one in toolchain/aws/services.ts.
func resources() map[string]*tfbridge.ResourceInfo {
	return map[string]*tfbridge.ResourceInfo{
		"aws_acm_certificate":            resource("acm", "Certificate"),
		"aws_acm_certificate_validation": resource("acm", "CertificateValidation"),

		"aws_autoscaling_attachment": resource("autoscaling", "Attachment"),

		"aws_backup_plan":                     resource("backup", "Plan"),
		"aws_backup_selection":                resource("backup", "Selection"),
		"aws_backup_vault":                    resource("backup", "Vault", fields{"name": tfbridge.AutoName("name", 50, "-")}),
		"aws_backup_vault_lock_configuration": resource("backup", "VaultLockConfiguration"),
		"aws_backup_vault_policy":             resource("backup", "VaultPolicy"),

		"aws_budgets_budget": resource("budgets", "Budget"),

		"aws_cloudwatch_log_group": resource("cloudwatch", "LogGroup"),
		"aws_cloudwatch_metric_alarm": resource("cloudwatch", "MetricAlarm", fields{
			"alarm_name": tfbridge.AutoName("name", 255, "-"),
		}),

		"aws_default_security_group":  resource("ec2", "DefaultSecurityGroup", rules),
		"aws_eip":                     resource("ec2", "Eip"),
		"aws_flow_log":                resource("ec2", "FlowLog"),
		"aws_internet_gateway":        resource("ec2", "InternetGateway"),
		"aws_launch_template":         resource("ec2", "LaunchTemplate"),
		"aws_nat_gateway":             resource("ec2", "NatGateway"),
		"aws_route":                   resource("ec2", "Route"),
		"aws_route_table":             resource("ec2", "RouteTable"),
		"aws_route_table_association": resource("ec2", "RouteTableAssociation"),
		"aws_security_group":          resource("ec2", "SecurityGroup", rules),
		"aws_subnet":                  resource("ec2", "Subnet"),
		"aws_vpc":                     resource("ec2", "Vpc"),
		"aws_vpc_endpoint":            resource("ec2", "VpcEndpoint"),

		"aws_vpc_security_group_egress_rule":  resource("vpc", "SecurityGroupEgressRule"),
		"aws_vpc_security_group_ingress_rule": resource("vpc", "SecurityGroupIngressRule"),

		"aws_ecr_lifecycle_policy": resource("ecr", "LifecyclePolicy"),
		"aws_ecr_repository":       resource("ecr", "Repository", fields{"name": lowerName("name", 255)}),

		"aws_eks_access_entry":              resource("eks", "AccessEntry"),
		"aws_eks_access_policy_association": resource("eks", "AccessPolicyAssociation"),
		"aws_eks_addon":                     resource("eks", "Addon"),
		"aws_eks_cluster": resource("eks", "Cluster", fields{
			"certificate_authority": {Name: "certificateAuthority", MaxItemsOne: tfbridge.True()},
		}),
		"aws_eks_node_group":               resource("eks", "NodeGroup"),
		"aws_eks_pod_identity_association": resource("eks", "PodIdentityAssociation"),

		"aws_elasticache_parameter_group": resource("elasticache", "ParameterGroup", fields{"name": lowerName("name", 255)}),
		"aws_elasticache_replication_group": resource("elasticache", "ReplicationGroup", fields{
			"at_rest_encryption_enabled": {Type: "boolean"},
			"auto_minor_version_upgrade": {Type: "boolean"},
			"replication_group_id":       lowerName("replicationGroupId", 40),
		}),
		"aws_elasticache_subnet_group": resource("elasticache", "SubnetGroup", fields{"name": lowerName("name", 255)}),

		"aws_iam_role":                   resource("iam", "Role", fields{"name": tfbridge.AutoName("name", 64, "-")}),
		"aws_iam_role_policy":            resource("iam", "RolePolicy"),
		"aws_iam_role_policy_attachment": resource("iam", "RolePolicyAttachment"),

		"aws_kms_alias": resource("kms", "Alias", fields{"name": aliasName()}),
		"aws_kms_key":   resource("kms", "Key"),

		"aws_lb":          resource("lb", "LoadBalancer", fields{"name": tfbridge.AutoName("name", 32, "-")}),
		"aws_lb_listener": resource("lb", "Listener"),
		"aws_lb_target_group": resource("lb", "TargetGroup", fields{
			"name":                 tfbridge.AutoName("name", 32, "-"),
			"deregistration_delay": {Type: "integer"},
		}),

		"aws_db_instance":        resource("rds", "Instance", fields{"identifier": lowerName("identifier", 63)}),
		"aws_db_parameter_group": resource("rds", "ParameterGroup", fields{"name": lowerName("name", 255)}),
		"aws_db_subnet_group":    resource("rds", "SubnetGroup", fields{"name": lowerName("name", 255)}),

		"aws_route53_record": resource("route53", "Record", fields{
			"alias":                      list("aliases"),
			"failover_routing_policy":    list("failoverRoutingPolicies"),
			"geolocation_routing_policy": list("geolocationRoutingPolicies"),
			"latency_routing_policy":     list("latencyRoutingPolicies"),
			"weighted_routing_policy":    list("weightedRoutingPolicies"),
			"name":                       {Name: "name"},
		}),

		"aws_s3_bucket":                                      resource("s3", "Bucket", fields{"bucket": lowerName("bucket", 63)}),
		"aws_s3_bucket_lifecycle_configuration":              resource("s3", "BucketLifecycleConfiguration"),
		"aws_s3_bucket_logging":                              resource("s3", "BucketLogging"),
		"aws_s3_bucket_ownership_controls":                   resource("s3", "BucketOwnershipControls"),
		"aws_s3_bucket_policy":                               resource("s3", "BucketPolicy"),
		"aws_s3_bucket_public_access_block":                  resource("s3", "BucketPublicAccessBlock"),
		"aws_s3_bucket_replication_configuration":            resource("s3", "BucketReplicationConfig"),
		"aws_s3_bucket_server_side_encryption_configuration": resource("s3", "BucketServerSideEncryptionConfiguration"),
		"aws_s3_bucket_versioning":                           resource("s3", "BucketVersioning"),

		"aws_secretsmanager_secret":          resource("secretsmanager", "Secret"),
		"aws_secretsmanager_secret_rotation": resource("secretsmanager", "SecretRotation"),
		"aws_secretsmanager_secret_version":  resource("secretsmanager", "SecretVersion"),

		"aws_wafv2_web_acl":                       resource("wafv2", "WebAcl"),
		"aws_wafv2_web_acl_association":           resource("wafv2", "WebAclAssociation"),
		"aws_wafv2_web_acl_logging_configuration": resource("wafv2", "WebAclLoggingConfiguration"),
	}
}

func dataSources() map[string]*tfbridge.DataSourceInfo {
	return map[string]*tfbridge.DataSourceInfo{
		"aws_ec2_instance_type_offerings": {Tok: function("ec2", "getInstanceTypeOfferings")},
		"aws_ecr_authorization_token":     {Tok: function("ecr", "getAuthorizationToken")},
	}
}

// providerFields are the provider's own settings whose types differ from what the bridge would make of them.
var providerFields = fields{"skip_metadata_api_check": {Type: "boolean"}}

// rules of a security group keep their names, which the bridge would put in the plural.
var rules = fields{"egress": {Name: "egress"}, "ingress": {Name: "ingress"}}

// list keeps a block that upstream allows once as a list of it, as the SDK has it.
func list(name string) *tfbridge.SchemaInfo {
	return &tfbridge.SchemaInfo{Name: name, MaxItemsOne: tfbridge.False()}
}

// lowerName gives a resource without a name one in small letters.
func lowerName(property string, longest int) *tfbridge.SchemaInfo {
	return tfbridge.AutoNameTransform(property, longest, strings.ToLower)
}

// aliasName gives a key's alias without a name one that begins as all of them must.
func aliasName() *tfbridge.SchemaInfo {
	return tfbridge.AutoNameTransform("name", 255, func(name string) string { return "alias/" + name })
}

// resource is a resource of @pulumi/aws/<module>; some has the fields whose names or auto-naming differ from the bridge's.
func resource(module, name string, some ...fields) *tfbridge.ResourceInfo {
	info := &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("aws", module, name)}
	for _, more := range some {
		// A copy: auto-naming adds to it, and several resources share one.
		info.Fields = maps.Clone(more)
	}
	return info
}

func function(module, name string) tokens.ModuleMember {
	return tfbridge.MakeDataSource("aws", module, name)
}
