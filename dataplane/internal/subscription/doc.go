// Package subscription speaks the protocols of the Subscriptions API (data-api
// §4.4-4.8): the two WebSocket dialects of 2017, today's graphql-transport-ws, and
// server-sent events.
//
// In: connections of clients. Out: calls of Service.Start, and what comes of them in
// each client's words. Callers: the data plane mounts the Server.
//
//	server.go     connections begin and end   session.go      one WebSocket connection
//	operation.go  what a client asks for      outbound.go     what it is told, and how it ends
//	legacy.go     the dialects of 2017        transportws.go  graphql-transport-ws
//	sse.go        server-sent events          sink.go         one subscription
//
// A client harms itself only: what it sends is bounded, and one that reads too slowly
// is sent away, as nothing here waits for it. An idle connection costs its reader and
// nothing else; whoever has something to say to it starts the writer.
package subscription
