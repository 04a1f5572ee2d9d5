package cli

import (
	"bytes"
	"context"

	"golang.org/x/sync/errgroup"

	"icehouse/cmd/icehouse/internal/bundle"
	"icehouse/cmd/icehouse/internal/servicedef"
	"icehouse/cmd/icehouse/internal/systemapi"
)

// uploads is how many archives are on their way at the same time.
const uploads = 4

// bundledService is a definition with what runs of its functions.
type bundledService struct {
	servicedef.Definition
	bundles map[string]*bundle.Bundle // by source file
}

// bundled reads the definition in a folder and bundles its code. When there are mistakes
// in the code the definition says nevertheless which files count.
func (s *session) bundled(dir string) (bundledService, error) {
	definition, err := servicedef.Load(dir, s.sources())
	if err != nil {
		return bundledService{}, err
	}
	result, err := s.bundle(dir, definition.Sources())
	definition.Paths = append(definition.Paths, result.Inputs...)
	return bundledService{definition, result.Bundles}, err
}

func (s *session) bundle(dir string, sources []string) (bundle.Result, error) {
	return bundle.Build(dir, sources, bundle.Options{Warn: func(p bundle.Problem) {
		s.notef("warning: %s", p)
		if p.Excerpt != "" {
			s.notef("%s", p.Excerpt)
		}
	}})
}

// upload sends the code, each file's for itself: the server compares what it has.
func (d *deployment) upload(service bundledService) (servicedef.Definition, error) {
	if len(service.bundles) == 0 {
		return service.Definition, nil
	}
	external := map[string]servicedef.External{}
	err := d.during("sending the code of functions", func() error {
		sending, ctx := errgroup.WithContext(d.ctx)
		sending.SetLimit(uploads)
		for source, b := range service.bundles {
			var url string
			err := d.cluster.try(func(ctx context.Context) error {
				var err error
				url, err = d.cluster.DeployURL(ctx, d.project.ID)
				return err
			})
			if err != nil {
				_ = sending.Wait() // why there is no address comes first
				return err
			}
			external[source] = servicedef.External{URL: url, LambdaHandler: b.LambdaHandler(), DevHandler: b.DevHandler(), Hash: b.Hash}
			client := &systemapi.Client{HTTP: d.cluster.HTTP} // a token is for the cluster only
			sending.Go(func() error {
				var archive bytes.Buffer
				if err := b.Zip(&archive); err != nil {
					return err
				}
				return client.Upload(ctx, url, archive.Bytes())
			})
		}
		return d.cluster.explain(sending.Wait())
	})
	return service.Uploaded(external), err
}
