// Command pulumi-language-nodejs runs Node programs for the engine where the official download cannot be reached.
//
// The official host's own module is not served by the Go module proxy, and the last SDK that holds it (v3.66.0) puts a
// proxy with that time's protocol between program and engine, which knows no resource hooks. This one hands the
// program the engine's own address.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

func main() {
	// The engine passes these to every language host; this one has no use for them.
	flag.String("tracing", "", "address of a tracing endpoint; not used")
	flag.String("root", "", "folder of the project; not used")
	flag.Bool("typescript", false, "only false is allowed: Node strips the types itself")
	flag.Parse()

	engine := flag.Arg(0)
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan bool)
	go func() {
		<-ctx.Done()
		close(stop)
	}()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, 5*time.Minute, cancel); err != nil {
			cmdutil.ExitError(fmt.Sprintf("pulumi-language-nodejs: the engine at %s cannot be watched: %v", engine, err))
		}
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: engine})
			return nil
		},
	})
	if err != nil {
		cmdutil.ExitError(fmt.Sprintf("pulumi-language-nodejs: cannot serve: %v", err))
	}
	fmt.Printf("%d\n", handle.Port) // the engine waits for this line
	if err := <-handle.Done; err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-nodejs: stopped serving:", err)
		os.Exit(1)
	}
}
