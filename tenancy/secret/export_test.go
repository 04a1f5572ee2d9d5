package secret

// Kept is how many unwrapped keys are kept.
func (s *Sealer) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.opened) + len(s.before)
}
