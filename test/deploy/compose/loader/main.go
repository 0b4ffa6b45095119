// Prints as JSON what Compose makes of its files: merged, with variables put in and checked against the specification.
// It knows no variables but those that it is told.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	profiles := flag.String("profiles", "", "comma-separated")
	variables := flag.String("variables", "", "comma-separated NAME=value")
	flag.Parse()
	if err := show(flag.Args(), list(*profiles), list(*variables)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(char rune) bool { return char == ',' })
}

func show(files, profiles, variables []string) error {
	options, err := cli.NewProjectOptions(files, cli.WithEnv(variables), cli.WithProfiles(profiles))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(project)
}
