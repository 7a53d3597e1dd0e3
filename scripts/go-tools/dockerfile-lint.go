// Command dockerfile-lint runs BuildKit's own checks of a Dockerfile without a BuildKit daemon.
//
// usage: dockerfile-lint FILE    prints one line for each finding; exit status 1 when there is one
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// emptyImages answers for every base image: the checks need a configuration, not the layers of a registry.
type emptyImages struct{}

func (emptyImages) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		image.Platform = *opt.ImageOpt.Platform
	}
	config, err := json.Marshal(image)
	return ref, digest.FromBytes(config), config, err
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dockerfile-lint FILE")
		os.Exit(2)
	}
	file := os.Args[1]
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	// Findings point into a source that has to be some definition; any will do.
	definition, err := llb.Local("context").Marshal(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	source := llb.NewSourceMap(nil, file, "Dockerfile", text)
	source.Definition = definition
	platforms := []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}}
	found, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{BuildPlatforms: platforms},
		MetaResolver: emptyImages{},
		SourceMap:    source,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, warning := range found.Warnings {
		line := int32(0)
		if at := warning.Location; at != nil && len(at.Ranges) > 0 {
			line = at.Ranges[0].Start.Line
		}
		fmt.Printf("%s:%d: %s: %s\n", file, line, warning.RuleName, warning.Detail)
	}
	if found.Error != nil {
		fmt.Printf("%s: %s\n", file, found.Error.Message)
	}
	if len(found.Warnings) > 0 || found.Error != nil {
		os.Exit(1)
	}
}
