package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-provider-aws/internal"
	"github.com/hashicorp/terraform-provider-aws/internal/provider/framework"
	"github.com/hashicorp/terraform-provider-aws/internal/provider/sdkv2"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
)

// version is the one of @pulumi/aws in package.json: the program asks for that plugin.
const version = "7.48.0"

// describe maps what the table names of upstream's provider to the tokens and names of @pulumi/aws. Upstream serves its
// resources from two providers, of its older and its newer framework; the bridge sends each call to the right one.
func describe(ctx context.Context) (tfbridge.ProviderInfo, error) {
	internal.RegisterSmarterrFS()
	older, err := sdkv2.NewProvider(ctx)
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	newer, err := framework.NewProvider(ctx, older)
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	both := pf.MuxShimWithDisjointgPF(ctx, shimv2.NewProvider(older), newer)
	info := tfbridge.ProviderInfo{
		P:            both,
		Name:         "aws",
		DisplayName:  "AWS",
		Version:      version,
		GitHubOrg:    "hashicorp",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config:       providerFields,
		Resources:    resources(),
		DataSources:  dataSources(),
	}
	mapNamesakes(&info)
	info.IgnoreMappings = unmapped(info)
	info.SetAutonaming(255, "-")
	return info, storeDispatch(&info)
}

// mapNamesakes adds the data sources that have a mapped resource's name: mappings are ignored by that name. Nobody asks
// for their tokens, which are none of the SDK's.
func mapNamesakes(info *tfbridge.ProviderInfo) {
	for name := range info.Resources {
		if _, ok := info.P.DataSourcesMap().GetOk(name); ok && info.DataSources[name] == nil {
			info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: function("unmapped", name)}
		}
	}
}

func unmapped(info tfbridge.ProviderInfo) []string {
	var names []string
	info.P.ResourcesMap().Range(func(name string, _ shim.Resource) bool {
		if info.Resources[name] == nil && info.DataSources[name] == nil {
			names = append(names, name)
		}
		return true
	})
	info.P.DataSourcesMap().Range(func(name string, _ shim.Resource) bool {
		if info.Resources[name] == nil && info.DataSources[name] == nil {
			names = append(names, name)
		}
		return true
	})
	return names
}

// storeDispatch writes down which of the two providers serves each token, where the bridge looks for it. The official
// plugin embeds a file of it; it takes no time to work out at the start.
func storeDispatch(info *tfbridge.ProviderInfo) error {
	both, ok := info.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	})
	if !ok {
		return fmt.Errorf("the bridge's %T has no dispatch table", info.P)
	}
	dispatch, err := both.ResolveDispatch(info)
	if err != nil {
		return err
	}
	return metadata.Set(info.GetMetadata(), "mux", dispatch)
}
