package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	upstream "github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// version is the one of @pulumi/docker in package.json: the program asks for that plugin.
const version = "5.2.0"

// describe maps upstream's resources to the tokens and names of @pulumi/docker.
func describe() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           shimv2.NewProvider(upstream.New(version)()),
		Name:        "docker",
		DisplayName: "Docker",
		Version:     version,
		GitHubOrg:   "kreuzwerker",
		Resources:   resources(),
		DataSources: dataSources(),
	}
	info.SetAutonaming(255, "-")
	return info
}

func resources() map[string]*tfbridge.ResourceInfo {
	return map[string]*tfbridge.ResourceInfo{
		"docker_container": {
			Tok: resource("Container"),
			Fields: map[string]*tfbridge.SchemaInfo{
				"command":           {Name: "command"},
				"networks_advanced": {Name: "networksAdvanced"},
			},
			// As the official plugin: a container's fixed ports and names stand in the way of a second one.
			DeleteBeforeReplace: true,
		},
		"docker_image":          {Tok: resource("RemoteImage")},
		"docker_registry_image": {Tok: resource("RegistryImage")},
		"docker_network":        {Tok: resource("Network")},
		"docker_volume":         {Tok: resource("Volume")},
		"docker_config":         {Tok: resource("ServiceConfig")},
		"docker_secret":         {Tok: resource("Secret")},
		"docker_service":        {Tok: resource("Service")},
		"docker_plugin":         {Tok: resource("Plugin")},
		"docker_tag":            {Tok: resource("Tag")},
		"docker_buildx_builder": {Tok: resource("BuildxBuilder")},
	}
}

func dataSources() map[string]*tfbridge.DataSourceInfo {
	return map[string]*tfbridge.DataSourceInfo{
		"docker_registry_image":           {Tok: function("getRegistryImage")},
		"docker_network":                  {Tok: function("getNetwork")},
		"docker_plugin":                   {Tok: function("getPlugin")},
		"docker_image":                    {Tok: function("getRemoteImage")},
		"docker_logs":                     {Tok: function("getLogs")},
		"docker_registry_image_manifests": {Tok: function("getRegistryImageManifests")},
	}
}

func resource(name string) tokens.Type {
	return tfbridge.MakeResource("docker", "index", name)
}

func function(name string) tokens.ModuleMember {
	return tfbridge.MakeDataSource("docker", "index", name)
}
