package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/contract"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// exitAfterMessage is the SDK's exit code for "the user has been told" (its cmd/run/index.js).
const exitAfterMessage = 32

// host implements the part of the language protocol that running a Node program needs.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
}

func (h *host) Handshake(_ context.Context, request *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	if address := request.GetEngineAddress(); address != "" {
		h.engine = address
	}
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

// GetRequiredPackages lists what package.json's dependencies bring as Pulumi plugins; the engine finds them on PATH.
func (h *host) GetRequiredPackages(context.Context, *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

func (h *host) GetRequiredPlugins(context.Context, *pulumirpc.GetRequiredPluginsRequest) (*pulumirpc.GetRequiredPluginsResponse, error) {
	return &pulumirpc.GetRequiredPluginsResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "3.230.0"}, nil
}

func (h *host) RuntimeOptionsPrompts(context.Context, *pulumirpc.RuntimeOptionsRequest) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

func (h *host) About(context.Context, *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, "node is not on PATH; run: eval \"$(make -s env)\"")
	}
	version, err := exec.Command(node, "--version").Output()
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{Executable: node, Version: strings.TrimSpace(string(version))}, nil
}

// Run starts the program under the SDK of its own node_modules and waits for it.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	runner, err := findRunner(request.GetPwd(), "run")
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	environment, err := environmentOf(request)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "node", arguments(runner, h.engine, request)...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err = command.Run()
	contract.IgnoreError(os.Stdout.Sync())
	contract.IgnoreError(os.Stderr.Sync())
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case errors.As(err, &exit) && exit.ExitCode() == exitAfterMessage:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program exited with code %d", exit.ExitCode())}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("node could not be started: %v", err)}, nil
	}
}

// findRunner looks for a program of the SDK from a folder upwards, as Node does.
func findRunner(folder, name string) (string, error) {
	for at := folder; ; at = filepath.Dir(at) {
		runner := filepath.Join(at, "node_modules", "@pulumi", "pulumi", "cmd", name)
		if _, err := os.Stat(runner); err == nil {
			return runner, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("@pulumi/pulumi is not installed at or above %s; run `npm ci` there", folder)
		}
	}
}

func arguments(runner, engine string, request *pulumirpc.RunRequest) []string {
	args := []string{runner}
	for _, option := range [][2]string{
		{"monitor", request.GetMonitorAddress()},
		{"engine", engine},
		{"organization", request.GetOrganization()},
		{"project", request.GetProject()},
		{"stack", request.GetStack()},
		{"root-directory", request.GetInfo().GetRootDirectory()},
		{"pwd", request.GetPwd()},
		{"parallel", strconv.Itoa(int(request.GetParallel()))},
	} {
		if option[1] != "" {
			args = append(args, "--"+option[0], option[1])
		}
	}
	if request.GetDryRun() {
		args = append(args, "--dry-run")
	}
	entry := request.GetProgram()
	if request.GetInfo().GetEntryPoint() != "" {
		entry = request.GetInfo().GetEntryPoint()
	}
	return append(append(args, entry), request.GetArgs()...)
}

// environmentOf hands the configuration over as the SDK expects it, keys with `:config:` between namespace and name.
func environmentOf(request *pulumirpc.RunRequest) ([]string, error) {
	values := make(map[string]string, len(request.GetConfig()))
	for key, value := range request.GetConfig() {
		values[strings.Replace(key, ":", ":config:", 1)] = value
	}
	config, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(append([]string{}, request.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	return []string{"PULUMI_CONFIG=" + string(config), "PULUMI_CONFIG_SECRET_KEYS=" + string(keys)}, nil
}
