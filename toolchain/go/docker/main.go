// Command pulumi-resource-docker is the Docker plugin, built where the official download cannot be reached: upstream's
// Terraform provider behind the Pulumi bridge, as the official one is.
//
//	pulumi-resource-docker --write-schema FILE   writes the schema and exits; it is embedded by the second build
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
)

//go:embed schema.json
var schema []byte

func main() {
	if len(os.Args) == 3 && os.Args[1] == "--write-schema" {
		if err := writeSchema(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "pulumi-resource-docker: writing the schema:", err)
			os.Exit(1)
		}
		return
	}
	tfbridge.Main("docker", version, describe(), schema)
}

func writeSchema(path string) error {
	sink := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	spec, err := tfgen.GenerateSchema(describe(), sink)
	if err != nil {
		return err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
