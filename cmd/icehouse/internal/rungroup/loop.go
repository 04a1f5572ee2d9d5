package rungroup

import "context"

// Loop is a member that works by itself, in steps that may be ended and begun again.
func Loop(name string, work func(ctx context.Context)) Member {
	stopped, stop := context.WithCancel(context.Background())
	return Member{
		Name: name,
		Run: func(base context.Context) error {
			ctx, cancel := context.WithCancel(base)
			defer cancel()
			defer context.AfterFunc(stopped, cancel)()
			work(ctx)
			return nil
		},
		Stop: func(context.Context) error { stop(); return nil },
	}
}
