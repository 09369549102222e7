// Command pulumi-resource-random is the Random plugin, built where the official download cannot be reached: upstream's
// Terraform provider behind the Pulumi bridge, as the official one is.
//
//	pulumi-resource-random --write-schema FILE   writes the schema and exits; it is embedded by the second build
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	upstream "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// version is the one of @pulumi/random in package.json: the program asks for that plugin.
const version = "4.21.2"

//go:embed schema.json
var schema []byte

func main() {
	if len(os.Args) == 3 && os.Args[1] == "--write-schema" {
		if err := writeSchema(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "pulumi-resource-random: writing the schema:", err)
			os.Exit(1)
		}
		return
	}
	pf.Main(context.Background(), "random", describe(), pf.ProviderMetadata{PackageSchema: schema})
}

// describe maps upstream's resources to the tokens of @pulumi/random.
func describe() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            pf.ShimProvider(upstream.New()),
		Name:         "random",
		DisplayName:  "Random",
		Version:      version,
		GitHubOrg:    "hashicorp",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Resources:    map[string]*tfbridge.ResourceInfo{},
	}
	for name, kind := range map[string]string{
		"random_bytes": "RandomBytes", "random_id": "RandomId", "random_integer": "RandomInteger",
		"random_password": "RandomPassword", "random_pet": "RandomPet", "random_shuffle": "RandomShuffle",
		"random_string": "RandomString", "random_uuid": "RandomUuid", "random_uuid4": "RandomUuid4",
		"random_uuid7": "RandomUuid7",
	} {
		info.Resources[name] = &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("random", "index", kind)}
	}
	return info
}

func writeSchema(path string) error {
	sink := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	result, err := tfgen.GenerateSchema(context.Background(), tfgen.GenerateSchemaOptions{
		ProviderInfo: describe(), DiagnosticsSink: sink, XInMemoryDocs: true,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, result.ProviderMetadata.PackageSchema, 0o644)
}
