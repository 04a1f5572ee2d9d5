package cli

import "time"

// silence is how long a command may say nothing while it waits.
const silence = 2 * time.Second

// during does what may take long, and tells every few seconds that it goes on.
func (s *session) during(what string, do func() error) error {
	began, done, told := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		tick := time.NewTicker(silence)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				s.notef("… still %s (%d s)", what, int(time.Since(began).Seconds()))
			}
		}
	}()
	err := do()
	close(done)
	<-told
	return err
}
