// Command pulumi-resource-aws is the AWS plugin, built where the official download cannot be reached: the part of
// upstream's Terraform provider that this repository uses, behind the Pulumi bridge as the official plugin is.
//
//	pulumi-resource-aws --write-schema FILE   writes the schema and exits; it is embedded by the second build
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
)

//go:embed schema.json
var schema []byte

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-aws:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	info, err := describe(ctx)
	if err != nil {
		return err
	}
	if len(os.Args) != 3 || os.Args[1] != "--write-schema" {
		pf.MainWithMuxer(ctx, "aws", info, schema)
		return nil
	}
	sink := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	result, err := tfgen.GenerateSchema(ctx, tfgen.GenerateSchemaOptions{
		ProviderInfo: info, DiagnosticsSink: sink, XInMemoryDocs: true,
	})
	if err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	return os.WriteFile(os.Args[2], result.ProviderMetadata.PackageSchema, 0o644)
}
