package main

import (
	"errors"
	"os"
	"os/exec"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RunPlugin starts a policy pack under the SDK, in the pack's own folder, and hands on what it prints: the port that it serves at.
func (h *host) RunPlugin(
	request *pulumirpc.RunPluginRequest, stream grpc.ServerStreamingServer[pulumirpc.RunPluginResponse],
) error {
	if request.GetKind() != "analyzer" {
		return status.Errorf(codes.Unimplemented, "this host runs policy packs, got a plugin of kind %q", request.GetKind())
	}
	pack := request.GetInfo().GetProgramDirectory()
	runner, err := findRunner(pack, "run-policy-pack")
	if err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	command := exec.CommandContext(stream.Context(), "node", runner, h.engine, pack)
	command.Dir = pack
	command.Env = append(os.Environ(), request.GetEnv()...)
	var sending sync.Mutex
	send := func(response *pulumirpc.RunPluginResponse) error {
		sending.Lock()
		defer sending.Unlock()
		return stream.Send(response)
	}
	command.Stdout = sender(func(text []byte) error {
		return send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stdout{Stdout: text}})
	})
	command.Stderr = sender(func(text []byte) error {
		return send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stderr{Stderr: text}})
	})
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		return status.Errorf(codes.FailedPrecondition, "node could not be started: %v", err)
	}
	return send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(command.ProcessState.ExitCode())},
	})
}

// sender is a writer that sends each piece on.
type sender func(text []byte) error

func (send sender) Write(text []byte) (int, error) {
	if err := send(append([]byte{}, text...)); err != nil {
		return 0, err
	}
	return len(text), nil
}
