//go:build unix && !linux

package nodefunc

import "syscall"

// attributes make a process the head of a group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// What follows has no counterpart here: the group is all that is ended.

func limitMemory(int, uint64) {}

func children(int) []int { return nil }

func strays(string) []int { return nil }
