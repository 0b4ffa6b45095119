// The two programs of a Kubernetes control plane that hold its objects: `control-plane etcd …` and
// `control-plane kube-apiserver …`, with the flags that each has.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Args = os.Args[1:]
	switch {
	case len(os.Args) > 0 && os.Args[0] == "etcd":
		etcdmain.Main(os.Args)
	case len(os.Args) > 0 && os.Args[0] == "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	default:
		fmt.Fprintln(os.Stderr, "usage: control-plane etcd | kube-apiserver")
		os.Exit(2)
	}
}
