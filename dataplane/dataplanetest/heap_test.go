package dataplanetest

import "runtime"

// heap is how many bytes are in use after everything unused is gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
