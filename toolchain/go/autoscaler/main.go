// Cluster-autoscaler stands in for the program of that name where AWS is simulated: no module proxy serves the real one. It takes those of its
// flags that a stack gives it, is well while it may list what the real one waits for, and scales nothing.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const folder = "/var/run/secrets/kubernetes.io/serviceaccount"

// What the real one has seen a list of before it looks at the first pod.
var lists = []string{
	"api/v1/nodes", "api/v1/pods", "api/v1/namespaces", "api/v1/services", "api/v1/replicationcontrollers",
	"api/v1/persistentvolumes", "api/v1/persistentvolumeclaims",
	"apis/apps/v1/daemonsets", "apis/apps/v1/replicasets", "apis/apps/v1/statefulsets", "apis/batch/v1/jobs",
	"apis/policy/v1/poddisruptionbudgets",
	"apis/storage.k8s.io/v1/storageclasses", "apis/storage.k8s.io/v1/csinodes", "apis/storage.k8s.io/v1/csidrivers",
	"apis/storage.k8s.io/v1/csistoragecapacities", "apis/storage.k8s.io/v1/volumeattachments",
	"apis/resource.k8s.io/v1/deviceclasses", "apis/resource.k8s.io/v1/resourceclaims",
	"apis/resource.k8s.io/v1/resourceslices",
}

func main() {
	for _, name := range []string{"cloud-provider", "expander", "logging-format", "v"} {
		flag.String(name, "", "")
	}
	for _, name := range []string{"skip-nodes-with-system-pods", "skip-nodes-with-local-storage"} {
		flag.Bool(name, true, "")
	}
	flag.Int("max-graceful-termination-sec", 600, "")
	flag.Duration("max-node-provision-time", 15*time.Minute, "")
	groups := flag.String("node-group-auto-discovery", "", "")
	namespace := flag.String("namespace", "kube-system", "")
	flag.Parse()
	if !strings.HasPrefix(*groups, "asg:tag=") {
		fmt.Fprintf(os.Stderr, "--node-group-auto-discovery is %q\n", *groups)
		os.Exit(2)
	}
	paths := append([]string{"api/v1/namespaces/" + *namespace + "/configmaps"}, lists...)
	http.HandleFunc("/health-check", func(answer http.ResponseWriter, asked *http.Request) {
		for _, path := range paths {
			if err := look(asked.Context(), path); err != nil {
				http.Error(answer, fmt.Sprintf("%s: %v", path, err), http.StatusInternalServerError)
				return
			}
		}
		fmt.Fprintln(answer, "OK")
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":8085", nil))
	os.Exit(1)
}

func look(ctx context.Context, path string) error {
	token, err := os.ReadFile(filepath.Join(folder, "token"))
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/"+path+"?limit=1", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the cluster's API answered %s", answer.Status)
	}
	return nil
}
