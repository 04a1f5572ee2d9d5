// Package ndf moves the data of services to and from archives in the Normalised
// Data Format (data-api §9, platform §5.6).
//
// In: a Service, the path of an archive, the service's data model. Out: an archive
// of all that the service holds (Export), or a service that holds what an archive
// does (Import), and words about the way there. Callers: the commands of the cli
// package.
//
//	archive.go  zip files             service.go  the two endpoints
//	check.go    what can be known about an archive before it is sent
//	export.go   import.go             resume.go   where an import goes on
//
// An import keeps a file beside the archive that says which files were sent. One
// that was interrupted goes on behind them. What became of the file that was on
// its way is found out by exporting: nodes that are there and list values that
// are at the end of their lists are not sent again, and edges may be.
package ndf
